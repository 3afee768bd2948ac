import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lic import encode, read_info
from lic.codec.encode.settings import NAMES
from lic.tools import files
from lic.tools.cli import COMMANDS, main
from lic.tools.commands.encode import OPTIONS
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with two pictures, a text file, and a .lic file."""
    Image.fromarray(photo).save(tmp_path / "a.png")
    Image.fromarray(photo[:50, :70]).save(tmp_path / "b.jpg")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "c.lic").write_bytes(encode(photo, quality=50.5, model="tiny"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lic(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    return subprocess.run([sys.executable, "-m", "lic", *arguments], input=data, capture_output=True)


def test_encode_and_decode_beside_the_inputs(folder: Path) -> None:
    assert main(["encode", "a.png", "b.jpg", "-m", "tiny", "-q", "80"]) == 0
    assert main(["decode", "a.lic", "b.lic", "-o", "back/"]) == 0
    for name in "ab":
        assert Image.open(f"back/{name}.png").size == Image.open(next(folder.glob(f"{name}.[pj]*g"))).size


def test_output_file_and_format(folder: Path) -> None:
    assert main(["encode", "a.png", "-o", "x.lic", "-m", "tiny"]) == 0
    assert main(["decode", "x.lic", "-o", "x.tif"]) == 0
    assert Image.open("x.tif").format == "TIFF"


def test_several_inputs_go_into_a_folder(folder: Path) -> None:
    assert main(["encode", "a.png", "b.jpg", "-o", "new/out/", "--parents", "-m", "tiny"]) == 0
    assert sorted(p.name for p in Path("new/out").iterdir()) == ["a.lic", "b.lic"]


def test_quality_and_lambda_are_honoured(folder: Path) -> None:
    assert main(["encode", "a.png", "-o", "q.lic", "-m", "tiny", "-q", "50.5"]) == 0
    assert main(["encode", "a.png", "-o", "l.lic", "-m", "tiny", "--lambda", "0.02"]) == 0
    assert Path("q.lic").read_bytes() == Path("l.lic").read_bytes() == Path("c.lic").read_bytes()


def test_any_lambda_between_the_points(folder: Path) -> None:
    sizes = []
    for value in ("0.02", "0.035", "0.05", "0.2"):
        assert main(["encode", "a.png", "-o", f"{value}.lic", "-m", "tiny", "--lambda", value]) == 0
        sizes.append(Path(f"{value}.lic").stat().st_size)
    assert sizes == sorted(sizes) and len(set(sizes)) == 4


def test_existing_outputs_are_kept_without_force(folder: Path, capsys: Captured) -> None:
    before = Path("c.lic").read_bytes()
    assert main(["encode", "a.png", "-o", "c.lic", "-m", "tiny", "-q", "1"]) == 1
    assert "--force" in capsys.readouterr().err
    assert Path("c.lic").read_bytes() == before
    assert main(["encode", "a.png", "-o", "c.lic", "-m", "tiny", "-q", "1", "--force"]) == 0
    assert Path("c.lic").read_bytes() != before


def test_one_failure_is_one_line_and_does_not_stop_the_others(folder: Path, capsys: Captured) -> None:
    assert main(["encode", "notes.txt", "missing.png", "a.png", "-o", "out/", "-m", "tiny"]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[:-1] == ["notes.txt: not a picture that Pillow can read", "missing.png: No such file or directory"]
    assert lines[-1].startswith("3 pictures: 1 converted, 2 failed; ")
    assert Path("out/a.lic").exists() and not Path("out/notes.lic").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode"],
        ["encode", "a.png", "-q", "7", "--lambda", "0.02"],
        ["encode", "a.png", "--tune", "ms-ssim", "-m", "tiny"],
        ["encode", "a.png", "--tune", "vmaf"],
        ["encode", "a.png", "b.jpg", "-o", "-"],
        ["encode", "-", "a.png"],
        ["encode", ".", "-o", "-"],
        ["encode", "a.png", "x/a.png", "-o", "out/"],
        ["transcode", "a.png"],
        [],
    ],
)
def test_wrong_usage_is_exit_code_2(folder: Path, arguments: list[str]) -> None:
    try:
        code = main(arguments)
    except SystemExit as exit:
        code = int(exit.code or 0)
    assert code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-q", "0"], "quality 0 is out of range"),
        (["--lambda", "0.5"], "lambda 0.5 is out of range"),
        (["-m", "nobody"], "no model named nobody"),
        (["-m", "notes.txt"], "no model named notes.txt"),
        (["-m", "./notes.txt"], "not a lic model"),
    ],
)
def test_wrong_settings_are_said_once(folder: Path, capsys: Captured, arguments: list[str], message: str) -> None:
    assert main(["encode", "a.png", "b.jpg", "-m", "tiny", *arguments]) == (1 if "-m" in arguments else 2)
    error = capsys.readouterr().err
    assert message in error and len(error.strip().splitlines()) == 1


def test_damaged_files_are_one_line_each(folder: Path, capsys: Captured) -> None:
    data = Path("c.lic").read_bytes()
    Path("short.lic").write_bytes(data[:-10])
    Path("flipped.lic").write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
    assert main(["decode", "short.lic", "flipped.lic", "notes.txt", "c.lic"]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert [line.split(":")[0] for line in lines[:-1]] == ["short.lic", "flipped.lic", "notes.txt"]
    assert "ends at byte" in lines[0] and "checksum" in lines[1] and "not a .lic file" in lines[2]
    assert Path("c.png").exists() and not Path("short.png").exists()


def test_unknown_output_format(folder: Path, capsys: Captured) -> None:
    assert main(["decode", "c.lic", "-o", "c.docx"]) == 2
    assert "cannot write .docx" in capsys.readouterr().err
    assert not Path("c.docx").exists()


def test_pipes(folder: Path) -> None:
    encoded = lic("encode", "-", "-m", "tiny", "-q", "50.5", data=Path("a.png").read_bytes())
    assert (encoded.returncode, encoded.stderr) == (0, b"")
    assert encoded.stdout == Path("c.lic").read_bytes()
    decoded = lic("decode", "-", data=encoded.stdout)
    assert (decoded.returncode, decoded.stderr) == (0, b"")
    assert Image.open(io.BytesIO(decoded.stdout)).format == "PNG"


def test_info(folder: Path, capsys: Captured, photo: Pixels) -> None:
    assert main(["info", "c.lic"]) == 0
    text = capsys.readouterr().out
    assert f"{photo.shape[1]} x {photo.shape[0]}, RGB" in text and "lambda 0.02" in text and "(tiny)" in text
    assert main(["info", "--json", "c.lic", "notes.txt"]) == 1
    captured = capsys.readouterr()
    facts = json.loads(captured.out)
    assert (facts["file"], facts["quality"], facts["lambda"], facts["version"]) == ("c.lic", 50.5, 0.02, 1)
    assert facts["content"] == {"latents": facts["sections"]["L"]} and facts["lossless"] is False
    assert captured.err.startswith("notes.txt: this is not a .lic file")


def test_info_tells_of_a_filter_that_is_adjusted(capsys: Captured) -> None:
    data = Path(__file__).parents[2] / "conformance/filter-adjusted.lic"
    assert main(["info", str(data)]) == 0
    assert f"content   filter {read_info(data).sections['F']}, latents " in capsys.readouterr().out


def test_info_reads_like_a_sentence(folder: Path, capsys: Captured) -> None:
    Image.open("a.png").save("b.jpg", exif=b"Exif\0\0MM", icc_profile=b"profile", dpi=(300, 300))
    assert main(["encode", "b.jpg", "-o", "q.lic", "-m", "tiny", "-q", "50"]) == main(["info", "q.lic"]) == 0
    text = capsys.readouterr().out
    assert "  quality   50\n" in text
    assert "content   EXIF 8, colour profile 7, resolution 3, latents " in text
    assert main(["encode", "b.jpg", "-o", "w.lic", "-m", "tiny", "--lossless"]) == main(["info", "w.lic"]) == 0
    assert "  quality   lossless\n" in capsys.readouterr().out
    assert main(["info", "w.lic", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["lossless"], facts["quality"], facts["lambda"]) == (True, None, None)
    assert [*facts["content"]] == ["EXIF", "colour profile", "resolution", "pixels, lossless WebP"]


def test_info_takes_folders(folder: Path, capsys: Captured) -> None:
    Path("sub/deep").mkdir(parents=True)
    for path in ("sub/a.lic", "sub/deep/b.LIC"):
        Path(path).write_bytes(Path("c.lic").read_bytes())
    for more, names in (([], ["sub/a.lic"]), (["-r"], ["sub/a.lic", "sub/deep/b.LIC"])):
        assert main(["info", "sub", "--json", *more]) == 0
        assert [json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()] == names
    Path("none").mkdir()
    assert main(["info", "none"]) == 2
    assert capsys.readouterr().err == "lic info: no .lic files in none; --recursive looks into subfolders, too\n"


def test_lic_alone_shows_help(capsys: Captured) -> None:
    assert main([]) == 2
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)


def test_a_wrong_option_shows_the_usage_of_the_command(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["encode", "a.png", "--qualty", "50"])
    assert exit.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: lic encode IN...") and "unrecognized arguments: --qualty 50" in error


def test_a_missing_model_is_reported_once_and_at_once(folder: Path, capsys: Captured) -> None:
    for command, name in (("encode", "a.png"), ("decode", "c.lic")):
        assert main([command, name, name, "-o", "out/", "-m", "gone.safetensors"]) == 1
        assert capsys.readouterr().err == f"lic {command}: there is no model file gone.safetensors\n"


def test_a_folder_of_models_that_is_not_there_is_a_warning(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIC_MODELS", "nowhere")
    assert main(["info", "c.lic"]) == 0
    assert capsys.readouterr().err == "lic info: LIC_MODELS names nowhere, which is no folder\n"


def test_info_without_the_model(folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIC_MODELS")
    assert main(["info", "c.lic"]) == 0
    assert "not found here" in capsys.readouterr().out


def test_models(capsys: Captured) -> None:
    assert main(["models"]) == 0
    assert "tiny" in capsys.readouterr().out


@pytest.mark.slow
def test_demo_makes_real_files(folder: Path, capsys: Captured) -> None:
    assert main(["demo", "-o", "demo", "-m", "tiny"]) == 0
    table = capsys.readouterr().out.splitlines()
    row = next(line.split() for line in table if line.startswith("chelsea"))
    assert int(row[3].replace(",", "")) == Path("demo/chelsea-q10.lic").stat().st_size
    assert np.array(Image.open("demo/chelsea-q10.png")).shape == np.array(Image.open("demo/chelsea.png")).shape
    assert Image.open(table[-2].split()[-1]).width > 1000 and table[-2].endswith("-sheet.png")
    assert re.fullmatch(r"At equal PSNR, a .lic file is \d+\.\d times (smaller|larger) than a JPEG file .*", table[-1])


def test_outputs_appear_whole_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full_disk)
    before = sorted(os.listdir())
    assert main(["encode", "a.png", "-m", "tiny"]) == 1
    assert main(["encode", "a.png", "-o", "c.lic", "-m", "tiny", "--force"]) == 1
    assert sorted(os.listdir()) == before


def test_what_should_start_fast_imports_nothing_that_takes_its_time(folder: Path) -> None:
    slow = {"torch", "numpy", "scipy", "importlib.metadata", "urllib.request", "multiprocessing", "hashlib"}
    for command in ("--help", "--version", "info c.lic", "models", "encode --help", "completion bash"):
        arguments = command.split()
        code = f"import sys; sys.argv = ['lic', *{arguments!r}]\nfrom lic.tools.cli import main\n"
        code += f"try: main()\nexcept SystemExit: pass\nprint(*{slow!r} & set(sys.modules))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        needed = "importlib.metadata" if command == "--version" else ""
        assert done.stdout.splitlines()[-1] == needed, arguments


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_help_fits_a_screen_with_examples_first(
    command: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([command, "-h"])
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 36
    assert text.index("examples:") < text.index("options:")
    assert "--manifest" not in text and text.endswith(f"more options: lic {command} --help\n")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert "--manifest" in capsys.readouterr().out


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help(command: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as exit:
        main([command, "--help"])
    assert exit.value.code == 0
    assert f"lic {command}" in capsys.readouterr().out


def test_crop(folder: Path, capsys: Captured) -> None:
    assert main(["decode", "c.lic", "-o", "part.png", "--crop", "10,20,110,50"]) == 0
    assert Image.open("part.png").size == (100, 30)
    assert main(["decode", "c.lic", "-o", "more.png", "--crop", "0,0,5000,10"]) == 1
    assert "from 0,0 to" in capsys.readouterr().err


def test_a_model_that_is_not_found_by_itself_can_be_named(
    folder: Path, tiny_model_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIC_MODELS")
    assert main(["decode", "c.lic"]) == 1
    assert not Path("c.png").exists()
    assert main(["decode", "c.lic", "-m", str(tiny_model_path)]) == 0
    assert main(["decode", "c.lic", "-o", "again.png", "-m", "nobody"]) == 1
    assert "no model named nobody" in capsys.readouterr().err


def test_metadata_goes_into_the_file_and_out_again(folder: Path, photo: Pixels) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photo).save("turned.jpg", exif=exif, icc_profile=b"profile", xmp=b"<x/>")
    assert main(["encode", "turned.jpg", "-m", "tiny"]) == 0
    for name in ("turned.png", "again.jpg", "again.webp"):
        assert main(["decode", "turned.lic", "-o", name]) == 0
        with Image.open(name) as image:
            assert image.getexif()[0x0112] == 6
            assert (image.info["icc_profile"], image.info["xmp"]) == (b"profile", b"<x/>")
    assert main(["encode", "turned.jpg", "-o", "upright.lic", "-m", "tiny", "--auto-orient"]) == 0
    assert main(["encode", "turned.jpg", "-o", "bare.lic", "-m", "tiny", "--strip"]) == 0
    assert Image.open("upright.lic").size == Image.open("bare.lic").size == photo.shape[:2]
    assert Image.open("bare.lic").info == {}


def test_targets(folder: Path, capsys: Captured) -> None:
    assert main(["encode", "a.png", "-o", "s.lic", "-m", "tiny", "--target-size", "1.2k"]) == 0
    assert 1176 <= Path("s.lic").stat().st_size <= 1200
    assert main(["encode", "a.png", "-o", "p.lic", "-m", "tiny", "--target-psnr", "99", "--no-lossless"]) == 1
    assert "quality 100 reaches" in capsys.readouterr().err


def test_effort(folder: Path, capsys: Captured) -> None:
    options = ["-m", "tiny", "-q", "1"]  # where an untrained model has something to refine
    assert main(["encode", "a.png", "-o", "plain.lic", *options]) == 0
    for effort in "03":
        assert main(["encode", "a.png", "-o", f"{effort}.lic", *options, "-e", effort]) == 0
    assert Path("plain.lic").read_bytes() == Path("0.lic").read_bytes() != Path("3.lic").read_bytes()
    assert main(["decode", "0.lic", "3.lic"]) == 0
    assert main(["encode", "a.png", "-o", "no.lic", "-m", "tiny", "--effort", "-1"]) == 2
    assert "effort -1 is not a whole number from 0 on" in capsys.readouterr().err
    assert not Path("no.lic").exists()


@pytest.mark.parametrize("command", ["encode a.png -m tiny", "decode c.lic -o x.png", "info c.lic"])
def test_a_lack_of_memory_is_one_line(
    command: str, folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*_: object, **__: object) -> None:
        raise MemoryError

    for place in (
        "lic.codec.encode.encoder.encode_by",
        "lic.codec.decoder.decode",
        "lic.tools.commands.show_info._rate",
    ):
        monkeypatch.setattr(place, lacking)
    assert main(command.split()) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "there is not enough memory: " in said[0]


def test_every_setting_of_the_encoder_is_an_option() -> None:
    assert [*OPTIONS] == [*NAMES]
