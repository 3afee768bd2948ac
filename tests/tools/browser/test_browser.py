"""The decoder for browsers, in a browser: latents as in Python, the same pixels and errors."""

import base64
import hashlib
import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageOps

from conformance.hostile import SIGNATURE, chunk, header
from lic import decode, encode
from lic.codec.errors import LicError
from lic.codec.file.container import Section, build, parse
from lic.codec.model.catalogue import MODELS_VARIABLE, find_model
from lic.tools.fitting.freezing import with_qualities
from lic.tools.pages import viewer
from lic.tools.pages.anatomy import dissect
from lic.tools.pages.viewer import Picture, viewer_page
from tests.codec.transform.random_models import with_extras
from tests.tools.browser.chromium import Tab
from tests.tools.browser.webdriver import Page

GOLDEN = Path(__file__).parents[3] / "conformance"
FILES = sorted(GOLDEN.glob("*.lic"))
MANIFEST = json.loads((GOLDEN / "manifest.json").read_text())
Driven = Tab | Page
MODELS = sorted(path.stem for path in GOLDEN.glob("*.safetensors"))

# In the page: a file's bytes from base64, and numbers to base64.
HELPERS = """
window.bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
window.textOf = async (array) => {
  const reader = new FileReader();
  reader.readAsDataURL(array instanceof Blob ? array : new Blob([array]));
  await new Promise((done) => reader.addEventListener("load", done));
  return reader.result.split(",")[1];
};
"""


@pytest.fixture(autouse=True)
def golden_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(GOLDEN))


def open_page(tab: Driven, path: Path, models: Sequence[str], pictures: Sequence[Picture] = ()) -> None:
    """An empty viewer with these models, or one with pictures."""
    path.write_bytes(viewer_page(pictures, [find_model(name).load() for name in models]).encode())
    tab.open(path.as_uri())
    tab.run(HELPERS)


@pytest.fixture
def golden_page(page: Driven, tmp_path: Path) -> Driven:
    """The page in each of the engines."""
    open_page(page, tmp_path / "page.html", MODELS)
    return page


@pytest.fixture
def golden_tab(tab: Tab, tmp_path: Path) -> Tab:
    """The page in Chromium, for checks of arithmetic, which is the same everywhere."""
    open_page(tab, tmp_path / "page.html", MODELS)
    return tab


def in_page(tab: Driven, data: bytes, what: str) -> Any:
    """The value of an expression in which `bytes` are a file."""
    return tab.run(f"const bytes = bytesOf({base64.b64encode(data).decode()!r}); return {what};")


def array_in_page(tab: Driven, data: bytes, what: str) -> bytes:
    return base64.b64decode(in_page(tab, data, f"await textOf({what})"))


def pixels_in_page(tab: Driven, data: bytes) -> NDArray[np.int_]:
    """The file's pixels, R, G, B, A, as the decoder gives them."""
    size = decode(data).size
    pixels = np.frombuffer(array_in_page(tab, data, "(await lic.picture(bytes)).pixels"), np.uint8)
    return pixels.reshape(size[1], size[0], 4).astype(int)


def pixels_in_python(data: bytes) -> NDArray[np.int_]:
    return np.array(decode(data).convert("RGBA")).astype(int)


def assert_same(tab: Driven, data: bytes) -> None:
    np.testing.assert_array_equal(pixels_in_page(tab, data), pixels_in_python(data))


def test_latents_of_golden_files_are_exact(golden_page: Driven) -> None:
    with_latents = [path for path in FILES if not parse(path.read_bytes()).lossless]
    for path in with_latents:
        latents = array_in_page(golden_page, path.read_bytes(), "await lic.symbols(bytes)")
        assert hashlib.sha256(latents).hexdigest() == MANIFEST["files"][path.stem]["latents"], path.stem
    assert len(with_latents) >= 15


def test_pixels_of_golden_files_are_exact(golden_page: Driven) -> None:
    for path in FILES:
        assert_same(golden_page, path.read_bytes())


def test_without_vector_instructions_the_same(page: Driven, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = viewer.engine_files()
    files["lic-simd.wasm"] = files["lic.wasm"]
    monkeypatch.setattr(viewer, "engine_files", lambda: files)
    open_page(page, tmp_path / "page.html", MODELS)
    for name in ("contexts", "chunks", "grey-alpha"):
        assert_same(page, (GOLDEN / f"{name}.lic").read_bytes())


@pytest.mark.slow
def test_a_photograph_by_the_default_model(tab: Tab, tmp_path: Path) -> None:
    open_page(tab, tmp_path / "page.html", ["photo"])
    assert_same(tab, encode(skimage.data.astronaut()[:200, :300], quality=77.7))


def test_a_large_picture_is_shown_small_first(tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = with_extras(find_model("golden-contexts").load())
    (tmp_path / "previews.safetensors").write_bytes(model.to_bytes())
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    open_page(tab, tmp_path / "page.html", [model.name])
    image = Image.fromarray(skimage.data.astronaut()).resize((601, 500))
    image.getexif()[0x0112] = 6
    data = encode(image, quality=30, model=model.name, lossless=False, metadata={"exif": image.getexif().tobytes()})
    shown = "await new Promise((show) => lic.picture(bytes, { preview: show }).then(() => show({ pixels: [] })))"
    pixels = np.frombuffer(array_in_page(tab, data, f"({shown}).pixels"), np.uint8)
    wanted = ImageOps.exif_transpose(decode(data, reduce=4)).convert("RGBA")
    np.testing.assert_array_equal(pixels.reshape(151, 125, 4), np.array(wanted))
    assert in_page(tab, data, f"({shown}).whole") == {"width": 500, "height": 601}
    small = encode(image.resize((500, 500)), quality=30, model=model.name, lossless=False)
    assert in_page(tab, small, f"({shown}).pixels.length") == 0


def test_the_quality_is_that_of_the_models_scale(tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = with_qualities(find_model("golden-contexts").load(), (-7.0, 11.0, 40.0))
    (tmp_path / "scaled.safetensors").write_bytes(model.to_bytes())
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    open_page(tab, tmp_path / "page.html", [model.name])
    for quality in (1.0, 4.5, 33.0):
        data = encode(skimage.data.astronaut()[:64, :64], quality=quality, model=model.name, lossless=False)
        assert in_page(tab, data, "(await lic.picture(bytes)).quality") == pytest.approx(quality, abs=0.05)


def test_tiles_leave_no_seams(golden_tab: Tab) -> None:
    larger = np.array(Image.fromarray(skimage.data.coffee()).resize((1090, 1050)))  # than 64 x 64 latents
    assert_same(golden_tab, encode(larger, quality=80, model="golden-contexts"))


def test_the_bits_of_each_place_are_those_that_python_counts(golden_tab: Tab) -> None:
    for name in ("contexts", "chunks", "plain", "escapes", "trellis"):
        data = (GOLDEN / f"{name}.lic").read_bytes()
        counted = dissect(data, find_model(fingerprint=parse(data).fingerprint).load()).per_place()
        bits = np.frombuffer(array_in_page(golden_tab, data, "(await lic.bits(bytes)).bits"), np.float32)
        np.testing.assert_allclose(bits.reshape(counted.shape), counted, rtol=1e-4, atol=1e-3)
    assert in_page(golden_tab, (GOLDEN / "stored.lic").read_bytes(), "await lic.bits(bytes)") is None


def test_a_saved_png_is_upright_and_has_profile_and_exif(golden_page: Driven) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("alpha", "grey-alpha", "grey", "contexts", "stored-alpha"):
        file = parse((GOLDEN / f"{name}.lic").read_bytes())
        kept = [section for section in file.sections if section.tag not in b"ei"]
        sections = (*kept, Section(b"e", exif.tobytes()), Section(b"i", b"a profile"))
        data = build(replace(file, sections=sections))
        saved = Image.open(io.BytesIO(array_in_page(golden_page, data, "await lic.png(bytes)")))
        wanted = ImageOps.exif_transpose(decode(data))
        assert saved.mode == wanted.mode
        assert np.abs(np.array(saved).astype(int) - np.array(wanted).astype(int)).max() == 0
        assert saved.getexif()[0x0112] == 1
        assert saved.info["icc_profile"] == b"a profile"


def test_exif_turns_the_picture_and_its_bits(golden_page: Driven) -> None:
    file = parse((GOLDEN / "plain.lic").read_bytes())
    rows, columns = in_page(golden_page, build(file), "(({ rows, columns }) => [rows, columns])(await lic.bits(bytes))")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = build(replace(file, sections=(Section(b"e", exif.tobytes()),)))
        wanted = ImageOps.exif_transpose(decode(data))
        shown = np.frombuffer(array_in_page(golden_page, data, "(await lic.decode(bytes)).data"), np.uint8)
        shown = shown.reshape(wanted.height, wanted.width, 4)[..., :3]
        assert np.abs(shown.astype(int) - np.array(wanted).astype(int)).max() == 0, orientation
        turned = in_page(golden_page, data, "(({ rows, columns }) => [rows, columns])(await lic.bits(bytes))")
        assert turned == ([columns, rows] if orientation > 4 else [rows, columns])


# ---- damaged files ----


def verdict(data: bytes) -> str:
    """What Python says about a file: the name of its error, or the size of the picture."""
    try:
        return "{}x{}".format(*decode(data, max_pixels=2**25).size)
    except LicError as error:
        return type(error).__name__


VERDICTS = """
  const said = [];
  for (const file of FILES) {
    try {
      const { width, height } = await lic.picture(bytesOf(file));
      said.push(`${width}x${height}`);
    } catch (error) {
      said.push(error.name);
    }
  }
  return said;
"""


def verdicts_in_page(tab: Driven, files: Sequence[bytes]) -> list[str]:
    listed = json.dumps([base64.b64encode(data).decode() for data in files])
    return list(tab.run(VERDICTS.replace("FILES", listed)))


def with_checksum(data: bytes) -> bytes:
    return data[:-4] + zlib.crc32(data[:-4]).to_bytes(4, "little")


def damaged_files() -> list[bytes]:
    """Golden files with some bytes changed, cut out or inserted; every other one has a new checksum."""
    random = np.random.default_rng(0)
    small = [path.read_bytes() for path in FILES if path.stat().st_size < 500 and path.stem != "escapes"]
    found = []
    for i in range(600):
        data = bytearray(small[random.integers(len(small))])
        # Mostly in the header: what lies behind it is latents, of which most changes decode to something.
        at = int(random.integers(min(40, len(data)) if i % 3 else len(data)))
        match random.integers(4):
            case 0:
                data[at] ^= 1 << int(random.integers(8))
            case 1:
                data[at] = int(random.integers(256))
            case 2:
                del data[at : at + int(random.integers(1, 9))]
            case _:
                data[at:at] = random.bytes(int(random.integers(1, 9)))
        found.append(with_checksum(bytes(data)) if i % 2 else bytes(data))
    return found


def test_damaged_files_meet_the_same_errors_as_in_python(golden_tab: Tab) -> None:
    files = damaged_files()
    said, wanted = verdicts_in_page(golden_tab, files), [verdict(data) for data in files]
    assert len(set(wanted)) > 8
    assert [(i, a, b) for i, (a, b) in enumerate(zip(said, wanted, strict=True)) if a != b] == []


def test_a_file_cut_anywhere_is_truncated(golden_tab: Tab) -> None:
    data = (GOLDEN / "alpha.lic").read_bytes()
    said = verdicts_in_page(golden_tab, [data[:end] for end in range(len(data))])
    assert said == ["NotALicFile", *["Truncated"] * (len(data) - 1)]


def test_what_a_file_claims_costs_nothing(golden_tab: Tab) -> None:
    file = parse((GOLDEN / "plain.lic").read_bytes())
    claims = [build(replace(file, width=w, height=h)) for w, h in ((2**24 - 1, 2**24 - 1), (40_000, 25_000))]
    stored = replace(file, latents=b"", sections=(Section(b"S", b"123"),))
    claims += [build(replace(stored, width=2**24 - 1, height=2**24 - 1)), build(stored)]
    claims += [build(replace(file, position=65535)), build(replace(file, fingerprint=b"none"))]
    said = verdicts_in_page(golden_tab, claims)
    assert said == ["TooLarge", "TooLarge", "TooLarge", "Corrupt", "Corrupt", "ModelNotFound"]
    assert_same(golden_tab, (GOLDEN / "plain.lic").read_bytes())  # the decoder goes on


def test_pictures_inside_a_file_are_checked_before_the_browser_sees_them(golden_page: Driven) -> None:
    def png(size: tuple[int, int], mode: str = "L") -> bytes:
        out = io.BytesIO()
        Image.new(mode, size).save(out, "PNG")
        return out.getvalue()

    def webp(size: tuple[int, int]) -> bytes:
        out = io.BytesIO()
        Image.new("RGB", size).save(out, "WEBP", lossless=True)
        return out.getvalue()

    file = parse((GOLDEN / "plain.lic").read_bytes())
    wrong_alpha = [png((92, 75)), png((91, 75), "RGB"), png((91, 75))[:-30], b"no picture", b"\x89PNG"]
    files = [replace(file, sections=(Section(b"A", alpha),)) for alpha in wrong_alpha]
    lossless = replace(file, latents=b"")
    wrong_picture = [webp((90, 75)), webp((91, 75))[:-8], b"RIFF", png((91, 75))]
    files += [replace(lossless, sections=(Section(b"W", picture),)) for picture in wrong_picture]
    files += [replace(file, sections=(Section(b"W", webp((91, 75))),))]
    assert verdicts_in_page(golden_page, [build(f) for f in files]) == ["Corrupt"] * len(files)
    right = [replace(file, sections=(Section(b"A", png((91, 75))),))]
    right += [replace(lossless, sections=(Section(b"W", webp((91, 75))),))]
    assert verdicts_in_page(golden_page, [build(f) for f in right]) == ["91x75"] * 2


def test_the_conformance_files_that_python_refuses_are_refused_for_the_same_reasons(golden_page: Driven) -> None:
    wanted = dict(MANIFEST["refused"])
    if "Apple" in golden_page.run("return navigator.vendor;"):
        wanted.pop("lossless-stream-cut")  # of a WebP file that is cut off, WebKit shows the beginning
    said = verdicts_in_page(golden_page, [(GOLDEN / "refused" / f"{name}.lic").read_bytes() for name in wanted])
    assert dict(zip(wanted, said, strict=True)) == wanted


def test_a_damaged_model_is_reported(tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = viewer.model_files([find_model("golden-plain").load()])
    monkeypatch.setattr(viewer, "model_files", lambda _: {name: data[:5000] for name, data in whole.items()})
    open_page(tab, tmp_path / "page.html", ["golden-plain"])
    assert verdicts_in_page(tab, [(GOLDEN / "plain.lic").read_bytes()]) == ["BadModel"]


def changed_sections(count: int) -> list[bytes]:
    """Files whose alpha has other rows, or whose lossless picture has bits flipped, with the right checksums."""
    random = np.random.default_rng(1)
    plain, drawn = (parse((GOLDEN / f"{name}.lic").read_bytes()) for name in ("plain", "stored-webp"))
    height, width = plain.height, plain.width
    webp = drawn.section(b"W")
    assert webp
    files = []
    for i in range(count):
        if i % 2:
            rows = random.integers(0, 256, (height, 1 + width)).astype(np.uint8)
            rows[:, 0] %= 5  # the filters
            if i % 10 == 1:
                rows[int(random.integers(height)), 0] = random.integers(256)
            packed = zlib.compress(rows.tobytes())
            png = SIGNATURE + header((width, height)) + chunk(b"IDAT", packed) + chunk(b"IEND")
            files.append(replace(plain, sections=(Section(b"A", png),)))
        else:
            bent = bytearray(webp)
            for at in random.integers(25, len(webp), 1 + i % 3):
                bent[at] ^= 1 << int(random.integers(8))
            files.append(replace(drawn, sections=(Section(b"W", bytes(bent)),)))
    return [build(file) for file in files]


def test_what_both_decoders_accept_has_the_same_pixels_in_both(golden_page: Tab) -> None:
    files = changed_sections(60)
    said, wanted = verdicts_in_page(golden_page, files), [verdict(data) for data in files]
    assert said == wanted and len(set(wanted)) == 3  # 91x75, 50x40, and Corrupt
    for data in [data for data, found in zip(files, wanted, strict=True) if found != "Corrupt"]:
        difference = np.abs(pixels_in_page(golden_page, data) - pixels_in_python(data))
        assert difference[..., 3].max() == 0
        assert difference.max() <= (0 if parse(data).lossless else 1)
