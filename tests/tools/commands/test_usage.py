"""Wrong usage, odd names and odd values: exit code 2, in the words of the command line, or what was meant."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lic import BadImage, BadSetting, decode, encode
from lic.tools.cli import main
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    Image.fromarray(photo[:30, :40]).save("a.jpg")
    Path("a.lic").write_bytes(encode(photo[:30, :40], model="tiny", lossless=False))
    return tmp_path


def code_of(*arguments: str) -> int:
    try:
        return main([*arguments])
    except SystemExit as exit:
        return int(exit.code or 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("encode a.jpg -o b.lic -q 101", "quality 101 is out of range: choose from 1 to 100"),
        ("encode a.jpg --target-size 0", "--target-size must be a number above 0, not 0"),
        ("encode a.jpg --target-psnr -3", "--target-psnr must be a number above 0, not -3.0"),
        ("encode a.jpg --lossless --lambda 0.02", "give --lossless or --lambda, not both"),
        ("encode a.jpg --max-side 0", "give a number from 1 on, not '0'"),
        ("encode a.jpg --only-if-smaller --strip gps", "--strip changes pictures, --only-if-smaller copies some"),
        ("encode a.jpg --prune", "--prune looks for outputs of folders: name a folder"),
        ("encode a.jpg -o out.png", "out.png would hold a .lic file: call it .lic, or give --force"),
        ("decode a.lic -o again.lic", "cannot write .lic: use .png or another picture extension"),
        ("decode a.lic -o again.doc", "cannot write .doc: use .png or another picture extension"),
        ("decode a.lic --fit 0x9", "give sides from 1 on, not '0x9'"),
        ("eval a.jpg -o r.json -j 0", "argument -j/--jobs: give a number from 1 on, not '0'"),
        (
            "eval a.jpg -o r.json --codecs jpeg --qualities jpeg=500",
            "JPEG 4:2:0 knows no such --qualities: choose from 1",
        ),
        ("view --port 80000", "argument --port: give a number from 0 to 65535, not '80000'"),
        ("desktop --thumbnail big a.lic b.png", "--thumbnail: give a number from 1 on, not 'big'"),
    ],
)
def test_wrong_usage_is_exit_code_2_in_the_words_of_the_command_line(
    arguments: str, message: str, capsys: Captured
) -> None:
    assert code_of(*arguments.split()) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert sorted(os.listdir()) == ["a.jpg", "a.lic"]


def test_a_picture_is_no_file_of_results(capsys: Captured) -> None:
    assert main(["plot", "a.jpg", "-o", "rd.png"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("lic plot: a.jpg does not hold results of lic eval") and len(error) < 300


@pytest.mark.parametrize("command", ["encode a.jpg -o -", "decode a.lic -o -"])
def test_no_file_goes_to_a_terminal(command: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(command.split()) == 2
    captured = capsys.readouterr()
    assert "a terminal cannot show the file: redirect it, as in `> FILE`" in captured.err and not captured.out


def test_force_writes_a_lic_file_of_any_name() -> None:
    assert main(["encode", "a.jpg", "-o", "out.png", "--force", "-m", "tiny"]) == 0
    assert decode("out.png").size == (40, 30)


def test_names_with_a_newline_or_a_dash(capsys: Captured) -> None:
    Path("a.jpg").rename("b\nc.jpg")
    assert main(["encode", "b\nc.jpg", "-m", "tiny", "-v"]) == 0
    assert capsys.readouterr().err.startswith("b\\nc.jpg -> b\\nc.lic: ")
    Path("b\nc.jpg").rename("-x.jpg")
    assert code_of("encode", "-x.jpg", "-m", "tiny") == 2
    assert "-x.jpg is a file: names that begin with a dash go after --, as in lic encode -- *.jpg" in (
        capsys.readouterr().err
    )
    assert main(["encode", "-m", "tiny", "--", "-x.jpg"]) == 0
    assert Path("-x.lic").exists()


@pytest.mark.parametrize(("suffix", "start", "few"), [("pgm", b"P5", "grey"), ("pbm", b"P4", "black and white")])
def test_a_picture_is_converted_to_what_its_name_promises(
    suffix: str, start: bytes, few: str, capsys: Captured
) -> None:
    assert main(["decode", "a.lic", "-o", f"a.{suffix}"]) == 0
    assert Path(f"a.{suffix}").read_bytes().startswith(start)
    assert f".{suffix} holds only {few}: the picture is converted, use .ppm to keep it" in capsys.readouterr().err
    assert main(["decode", "a.lic", "-o", "a.ppm"]) == 0
    assert Path("a.ppm").read_bytes().startswith(b"P6") and capsys.readouterr().err == ""


def test_version_and_help_by_other_names(capsys: Captured) -> None:
    assert code_of("-V") == 0
    assert re.fullmatch(r"lic \S+\n", capsys.readouterr().out)
    assert code_of("help", "edit") == 0
    by_help = capsys.readouterr().out
    assert code_of("edit", "--help") == 0
    assert capsys.readouterr().out == by_help
    assert code_of("help") == 0
    assert "COMMAND" in capsys.readouterr().out


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # importing it raises ImportError
from lic.tools.cli import main
main(sys.argv[1:])
"""


def help_without_torch(command: str) -> str:
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_of_train_without_torch_shows_all_options(capsys: Captured) -> None:
    assert code_of("train", "--help") == 0
    assert help_without_torch("train") == capsys.readouterr().out


def test_help_without_torch_says_what_is_missing() -> None:
    text = help_without_torch("export")
    assert "make a model file" in text
    assert "To show all options, this needs torch: pip install 'lic-codec[train]'" in text


WITHOUT_CORE = """
import sys
sys.modules["lic.codec.core._core"] = None
from lic.tools.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("chosen", "times"), [("", 1), ("numpy", 0)])
def test_a_missing_core_is_said_once_unless_it_is_not_wanted(chosen: str, times: int, photo: Pixels) -> None:
    for name in "bc":
        Image.fromarray(photo[:16, :16]).save(f"{name}.png")
    command = [sys.executable, "-c", WITHOUT_CORE, "encode", "b.png", "c.png", "-m", "tiny"]
    environment = os.environ | {"LIC_CORE": chosen}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.count("the core in C cannot be used") == done.stderr.count("C compiler") == times


def test_other_commands_say_it_in_one_line_too() -> None:
    Image.new("RGB", (16, 16)).save("b.png")
    command = [sys.executable, "-c", WITHOUT_CORE, "eval", "b.png", "--codecs", "lic", "-m", "tiny", "-o", "b.json"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"LIC_CORE": ""})
    assert done.returncode == 0
    said = [line for line in done.stderr.splitlines() if "C compiler" in line or "Warning" in line or "warn" in line]
    assert len(said) == 1 and said[0].startswith("lic: the core in C cannot be used")


def test_numbers_may_be_those_of_numpy(photo: Pixels) -> None:
    part = photo[:40, :40]
    for name, value in (("quality", np.int64(40)), ("quality", np.float32(40)), ("target_size", np.uint16(500))):
        expected = encode(part, model="tiny", lossless=False, **{name: int(value)})  # type: ignore[arg-type]
        assert encode(part, model="tiny", lossless=False, **{name: value}) == expected  # type: ignore[arg-type]
    assert len(encode(part, model="tiny", effort=np.int64(1), max_side=np.int32(20))) > 0
    with pytest.raises(BadSetting, match="`quality` must be a number"):
        encode(part, model="tiny", quality=np.bool_(True))


def test_the_bytes_of_a_file_are_asked_for_as_a_file() -> None:
    with pytest.raises(BadImage, match=r"give a file's bytes as io.BytesIO\(...\)"):
        encode(Path("a.jpg").read_bytes())  # type: ignore[arg-type]
    assert encode(io.BytesIO(Path("a.jpg").read_bytes()), model="tiny")


def test_pillow_says_what_it_says_of_modes_that_a_format_does_not_hold() -> None:
    for mode in ("F", "I", "LAB"):
        with pytest.raises(OSError, match=f"mode {mode}"):
            Image.new(mode, (9, 9)).save("x.lic")
    assert not Path("x.lic").exists()


def test_max_side_makes_pictures_smaller_of_every_kind(photo: Pixels) -> None:
    import torch

    Image.fromarray(photo[:200, :100]).save("tall.png")
    assert main(["encode", "tall.png", "a.jpg", "-f", "-m", "tiny", "--max-side", "50"]) == 0
    assert (decode("tall.lic").size, decode("a.lic").size) == ((25, 50), (40, 30))
    tensor = torch.from_numpy(photo[:200, :100].copy()).permute(2, 0, 1)
    for picture in (photo[:200, :100], Image.fromarray(photo[:200, :100]), tensor):
        assert decode(encode(picture, model="tiny", max_side=50)).size == (25, 50)


CALLS = """
import lic
lic.encode(3)
lic.encode("a.jpg", tune="foo")
lic.encode("a.jpg", tune="psnr", quality=40)
"""


@pytest.mark.slow
def test_type_checkers_tell_what_is_no_picture_and_no_tune(folder: Path) -> None:
    pytest.importorskip("mypy")
    root = Path(__file__).parents[3]
    (folder / "stubs/lic").mkdir(parents=True)
    for path in [*(root / "lic").iterdir(), *(root / name for name in ("models", "codec", "tools"))]:
        (folder / "stubs/lic" / path.name).symlink_to(path)
    Path("calls.py").write_text(CALLS)
    command = [sys.executable, "-m", "mypy", "--config-file", str(root / "pyproject.toml"), "calls.py"]
    environment = os.environ | {"MYPYPATH": str(folder / "stubs")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    told = [line for line in done.stdout.splitlines() if line.startswith("calls.py") and "error" in line]
    assert [line.split(":")[1] for line in told] == ["3", "4"], done.stdout + done.stderr
