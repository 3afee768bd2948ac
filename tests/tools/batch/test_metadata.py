"""What travels with a picture from one format to another, read by another program."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from lic.codec.picture.colour import CodePoints
from lic.codec.picture.fidelity import psnr
from lic.codec.picture.formats import register_plugins
from lic.tools.batch.picture_writing import HELD
from lic.tools.cli import main
from tests.conftest import Pixels

EXIFTOOL = shutil.which("exiftool")
KINDS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF", "heic": "HEIF", "jxl": "JXL", "tif": "TIFF"}
READ = ["-Make", "-GPSLatitude", "-ProfileDescription", "-Creator", "-XResolution", "-PixelsPerUnitX", "-Orientation"]
TURN = Image.Transpose.ROTATE_90  # against the clock, which an orientation of 6 makes good
LIMITS = Path(__file__).parents[3] / "codec" / "LIMITS.md"


def exiftool(*arguments: str) -> bytes:
    if not EXIFTOOL:
        pytest.skip("exiftool is not installed (Debian: libimage-exiftool-perl)")
    return subprocess.run([EXIFTOOL, *arguments], capture_output=True, check=True).stdout


def facts(*files: Path) -> dict[Path, dict[str, Any]]:
    found = json.loads(exiftool("-j", "-n", *READ, *map(str, files)))
    return {Path(entry["SourceFile"]): entry for entry in found}


@pytest.fixture(scope="module")
def upright(photo: Pixels) -> Image.Image:
    return Image.fromarray(photo[:160, :120])


@pytest.fixture(scope="module")
def folder(upright: Image.Image, tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of wide gamut in each format, with all metadata, lying on its side where the format knows of that."""
    for module in ("pillow_heif", "pillow_jxl"):
        pytest.importorskip(module)
    register_plugins()
    folder = tmp_path_factory.mktemp("metadata")
    exif = Image.Exif()
    exif[0x0112] = 6
    block = exif.tobytes()
    profile = CodePoints(12, 13).profile()
    for suffix, kind in KINDS.items():
        lying = upright if kind == "JXL" else upright.transpose(TURN)
        options: dict[str, Any] = {"lossless": True} if kind in ("WEBP", "JXL") else {"quality": 95}
        lying.save(folder / f"{suffix}.{suffix}", exif=block, icc_profile=profile, dpi=(240, 240), **options)
    tags = ["-Make=Lic", "-GPSLatitude=48.5", "-GPSLatitudeRef=N", "-XMP-dc:Creator=Zoe"]
    tags += ["-XResolution=240", "-YResolution=240", "-ResolutionUnit=inches"]
    exiftool("-q", "-m", "-overwrite_original", *tags, *(str(folder / f"{s}.{s}") for s in KINDS))
    arguments = [str(folder / f"{suffix}.{suffix}") for suffix in KINDS]
    assert main(["encode", *arguments, "-o", f"{folder}/lic/", "-m", str(tiny_model_path), "-q", "100"]) == 0
    for suffix in KINDS:
        files = [str(folder / f"lic/{source}.lic") for source in KINDS]
        assert main(["decode", *files, "-o", f"{folder}/{suffix}/", "--suffix", f".{suffix}"]) == 0
    return folder


def table(folder: Path) -> dict[str, dict[str, bool]]:
    """What files of each format hold, whatever format the picture came from."""
    found = facts(*(folder / suffix / f"{source}.{suffix}" for suffix in KINDS for source in KINDS))
    sides = {}
    for suffix in KINDS:
        entries = {source: found[folder / suffix / f"{source}.{suffix}"] for source in KINDS}
        with_profile = [entry for source, entry in entries.items() if source != "jxl"]  # the plugin writes none
        sides[suffix] = {
            "EXIF": all(e.get("Make") == "Lic" and e.get("GPSLatitude") == 48.5 for e in entries.values()),
            "colour profile": all("code points" in e.get("ProfileDescription", "") for e in with_profile),
            "XMP": all(e.get("Creator") == "Zoe" for e in entries.values()),
            "resolution": all(resolution(e) == 240 for e in entries.values()),
        }
    return sides


def resolution(entry: dict[str, Any]) -> int:
    return round(entry.get("XResolution", 0.0254 * entry.get("PixelsPerUnitX", 0)))


def test_every_format_carries_what_the_manual_says(folder: Path) -> None:
    rows = [
        f"| {KINDS[s]} | {' | '.join('yes' if yes else 'no' for yes in row.values())} |"
        for s, row in table(folder).items()
    ]
    assert "\n".join(rows) in LIMITS.read_text(encoding="utf-8")


def test_what_is_held_is_what_the_program_believes(folder: Path) -> None:
    names = {"EXIF": "exif", "colour profile": "icc_profile", "XMP": "xmp"}
    for suffix, row in table(folder).items():
        assert {names[name] for name, yes in row.items() if yes and name in names} == set(HELD[KINDS[suffix]]) & set(
            names.values()
        )


@pytest.mark.parametrize("suffix", KINDS)
def test_pictures_are_seen_upright(folder: Path, upright: Image.Image, suffix: str) -> None:
    for source in KINDS:
        with Image.open(folder / suffix / f"{source}.{suffix}") as image:
            # Viewers of JPEG XL do not ask EXIF how a picture lies.
            shown = image.convert("RGB") if suffix == "jxl" else ImageOps.exif_transpose(image).convert("RGB")
        assert shown.size == upright.size, source
        assert psnr(np.asarray(shown), np.asarray(upright)) > 20, source


@pytest.mark.parametrize("suffix", ["bmp", "gif", "ppm", "tga", "jp2"])
def test_formats_without_exif_get_upright_pixels_in_srgb(
    folder: Path, upright: Image.Image, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decode", str(folder / "lic/jpg.lic"), "-o", str(folder / f"plain.{suffix}")]) == 0
    said = capsys.readouterr().err
    assert "holds no colour profile: the picture is converted to sRGB, and no EXIF and no XMP" in said
    with Image.open(folder / f"plain.{suffix}") as image:
        assert image.size == upright.size
        # The wide gamut's red has become more in sRGB's numbers.
        assert np.asarray(image.convert("RGB"))[..., 0].mean() > np.asarray(upright)[..., 0].mean()


def test_decode_turns_pixels_upright_if_asked_to(folder: Path, upright: Image.Image) -> None:
    assert main(["decode", str(folder / "lic/jpg.lic"), "-o", str(folder / "up.png"), "--auto-orient"]) == 0
    with Image.open(folder / "up.png") as image:
        assert image.size == upright.size and image.getexif()[0x0112] == 1
    assert facts(folder / "up.png")[folder / "up.png"]["GPSLatitude"] == 48.5


def test_fit_makes_a_picture_that_fits_as_it_is_seen(folder: Path) -> None:
    assert main(["decode", str(folder / "lic/jpg.lic"), "-o", str(folder / "small.jpg"), "--fit", "60x40"]) == 0
    with Image.open(folder / "small.jpg") as image:
        assert ImageOps.exif_transpose(image).size == (30, 40)


def test_the_place_alone_can_be_left_out(folder: Path, tiny_model_path: Path) -> None:
    source = str(folder / "jpg.jpg")
    exiftool("-q", "-m", "-overwrite_original", "-XMP-exif:GPSLatitude=48.5", "-MakerNotes:all=", source)
    options = ["-m", str(tiny_model_path), "-q", "20"]
    assert main(["encode", source, "-o", str(folder / "no-place.lic"), "--strip", "gps", *options]) == 0
    assert main(["encode", source, "-o", str(folder / "edited.lic"), *options]) == 0
    assert main(["edit", str(folder / "edited.lic"), "--strip", "gps"]) == 0
    for name in ("no-place", "edited"):
        assert main(["decode", str(folder / f"{name}.lic"), "-o", str(folder / f"{name}.jpg")]) == 0
        entry = facts(folder / f"{name}.jpg")[folder / f"{name}.jpg"]
        assert "GPSLatitude" not in entry and entry["Make"] == "Lic" and entry["Orientation"] == 6
        assert entry["Creator"] == "Zoe" and "code points" in entry["ProfileDescription"]
        assert b"GPS" not in (folder / f"{name}.jpg").read_bytes()


def test_edit_turns_a_picture_and_takes_other_exif(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "lic/jpg.lic", tmp_path / "a.lic")
    with Image.open(tmp_path / "a.lic") as image:
        before = ImageOps.exif_transpose(image)
    assert main(["edit", str(tmp_path / "a.lic"), "--rotate", "90"]) == 0
    with Image.open(tmp_path / "a.lic") as image:
        assert ImageOps.exif_transpose(image).tobytes() == before.transpose(Image.Transpose.ROTATE_270).tobytes()
        assert image.getexif()[271] == "Lic"
    assert main(["edit", str(tmp_path / "a.lic"), "--strip", "icc"]) == 1  # which the colours need
    arguments = ["edit", str(tmp_path / "a.lic"), "--strip", "exif,xmp", "-o", str(tmp_path / "b.lic")]
    assert main(arguments) == 0 and main(arguments) == 2
    with Image.open(tmp_path / "b.lic") as image:
        assert dict(image.getexif()) == {0x0112: 3} and "xmp" not in image.info
    assert main(["edit", str(tmp_path / "b.lic"), "--set-exif", str(folder / "png.png")]) == 0
    with Image.open(tmp_path / "b.lic") as image:
        assert image.getexif()[271] == "Lic"
