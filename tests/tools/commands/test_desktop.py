"""`lic desktop`: files that file managers read, which do what they say."""

import configparser
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from lic import encode
from lic.codec.file.container import MAGIC, VERSION
from lic.tools.cli import main
from lic.tools.desktop_files import CLASSES, files_for, registry_for
from tests.conftest import Pixels

pytestmark = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="by freedesktop's files and a shell script")
NAMES = ["applications/lic-codec.desktop", "mime/packages/lic-codec.xml", "thumbnailers/lic-codec.thumbnailer"]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


def entry(data: Path, name: str, section: str) -> configparser.SectionProxy:
    parser = configparser.RawConfigParser()
    parser.read(data / name)
    return parser[section]


def test_three_files_come_on_request_and_go_again(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["desktop"]) == 0
    assert all(name in capsys.readouterr().out for name in ["lic-codec.xml"]) and not data.exists()
    assert main(["desktop", "--install"]) == main(["desktop", "--install"]) == 0
    assert all((data / name).is_file() for name in NAMES)
    assert main(["desktop", "--uninstall"]) == 0
    assert not any((data / name).exists() for name in NAMES)
    assert main(["desktop", "--uninstall"]) == 2
    assert "is installed in" in capsys.readouterr().err


def test_files_of_others_stay(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "applications").mkdir(parents=True)
    (data / NAMES[0]).write_text("mine")
    assert main(["desktop", "--install"]) == 2
    assert "lic-codec.desktop exists: give --force" in capsys.readouterr().err
    assert main(["desktop", "--uninstall"]) == 0
    assert (data / NAMES[0]).read_text() == "mine"


def test_the_type_is_that_of_the_files(data: Path) -> None:
    assert main(["desktop", "--install"]) == 0
    kind = ElementTree.parse(data / NAMES[1]).getroot()[0]
    assert kind.get("type") == Image.MIME["LIC"]
    magic = next(part for part in kind.iter() if part.tag.endswith("match")).get("value", "")
    assert magic.encode().decode("unicode_escape").encode() == MAGIC + bytes([VERSION])
    if shutil.which("update-mime-database"):
        assert "image/x-lic:*.lic" in (data / "mime/globs2").read_text()


def test_the_thumbnailer_makes_an_upright_png_of_any_name(data: Path, photo: Pixels) -> None:
    assert main(["desktop", "--install"]) == 0
    exif = Image.Exif()
    exif[0x0112] = 6
    source, target = data / "a b.lic", data / "thumbnail.tmp"
    source.write_bytes(encode(photo[:80, :100], lossless=True, metadata={"exif": exif.tobytes()}))
    target.touch()
    command = shlex.split(entry(data, NAMES[2], "Thumbnailer Entry")["Exec"])
    filled = [{"%s": "50", "%i": str(source), "%o": str(target)}.get(word, word) for word in command]
    root = Path(__file__).parents[3]
    subprocess.run(filled, check=True, cwd=root)
    with Image.open(target) as image:
        assert (image.format, image.size) == ("PNG", (40, 50))


def test_the_viewer_is_lic_view(data: Path) -> None:
    assert main(["desktop", "--install"]) == 0
    viewer = entry(data, NAMES[0], "Desktop Entry")
    assert viewer["Exec"] == f'"{sys.executable}" -m lic view --idle 10 %F'
    assert viewer["MimeType"] == "image/x-lic;" and os.path.exists(viewer["TryExec"])
    if shutil.which("desktop-file-validate"):
        subprocess.run(["desktop-file-validate", str(data / NAMES[0])], check=True)


def test_odd_paths_are_quoted_as_each_file_wants_it() -> None:
    files = files_for('/a $b/"c" 100%/python')
    assert 'Exec="/a \\$b/\\"c\\" 100%%/python" -m lic view' in files[NAMES[0]]
    assert "Exec='/a $b/\"c\" 100%%/python' -m lic desktop" in files[NAMES[2]]


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """On Windows, with a `reg` that copies the file that it is to import."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "reg"
    program.write_text(f'#!/bin/sh\n[ "$1" = import ] && cp "$2" {tmp_path / "imported"}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setattr(sys, "platform", "win32")
    return tmp_path / "imported"


def keys(path: Path) -> configparser.RawConfigParser:
    """The keys of a .reg file, which is an INI file after its first line."""
    header, _, text = path.read_text("utf-16").partition("\n")
    assert header == "Windows Registry Editor Version 5.00"
    parser = configparser.RawConfigParser(delimiters=("=",))
    parser.read_string(text)
    return parser


def test_windows_is_told_by_its_registry_and_forgets_again(imported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["desktop"]) == 0
    assert "lic view" in capsys.readouterr().out and not imported.exists()
    assert main(["desktop", "--install"]) == 0
    written = keys(imported)
    assert written[f"{CLASSES}\\.lic\\OpenWithProgids"]['"lic-codec"'] == '""'
    command = written[f"{CLASSES}\\lic-codec\\shell\\open\\command"]["@"]
    assert command == f'"\\"{sys.executable}\\" -m lic view --idle 10 \\"%1\\""'
    assert main(["desktop", "--uninstall"]) == 0
    removed = keys(imported)
    assert removed[f"{CLASSES}\\.lic\\OpenWithProgids"]['"lic-codec"'] == "-"
    assert removed.has_section(f"-{CLASSES}\\lic-codec")


def test_a_registry_that_refuses_is_an_error(imported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported.mkdir()
    (imported / "lic.reg").mkdir()  # cp fails
    assert main(["desktop", "--install"]) == 1
    assert "lic desktop: reg import: " in capsys.readouterr().err


def test_backslashes_are_doubled_in_the_registry() -> None:
    assert r'@="\"C:\\Program Files\\python.exe\" -m lic view' in registry_for(r"C:\Program Files\python.exe")
