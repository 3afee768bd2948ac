"""`lic page` and `lic view`."""

from pathlib import Path

import pytest

from lic import encode
from lic.tools.cli import main
from lic.tools.pages.server import make_server
from lic.tools.pages.viewer import read_pictures
from tests.conftest import Pixels


@pytest.fixture
def lic_file(photo: Pixels, tiny_model_path: Path, tmp_path: Path) -> Path:
    path = tmp_path / "photo.lic"
    path.write_bytes(encode(photo, quality=30, model="tiny"))
    return path


def test_a_page_of_a_picture(lic_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert main(["page", str(lic_file), "-o", str(page)]) == 0
    assert capsys.readouterr().out == f"{page}: {page.stat().st_size:,} bytes\n"
    text = page.read_text(encoding="utf-8")
    assert "<title>photo.lic</title>" in text and text.count('.licmodel"') == 1


def test_a_viewer_holds_the_model_that_is_asked_for(tiny_model_path: Path, tmp_path: Path) -> None:
    page = tmp_path / "viewer.html"
    assert main(["page", "--viewer", "-m", "tiny", "-o", str(page)]) == 0
    assert page.stat().st_size < 432_000


def test_a_site_is_a_folder(lic_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "site"
    assert main(["page", "--site", str(lic_file), "-m", "tiny", "-o", str(folder)]) == 0
    names = {path.name for path in folder.iterdir()}
    assert {"lic.js", "lic-decoder.js", "lic.wasm", "example.html", "README.md", "photo.lic"} < names
    assert '<link rel="icon" href="example.svg">' in (folder / "example.html").read_text(encoding="utf-8")
    assert (folder / "example.svg").read_text(encoding="utf-8").startswith("<svg")
    assert (folder / "photo.lic").read_bytes() == lic_file.read_bytes()
    table = (folder / "README.md").read_text(encoding="utf-8")
    for name in names - {"README.md", "example.html", "example.css", "example.svg", "photo.lic"}:
        assert f"`{name}`" in table or name.endswith((".licmodel", ".licencoder"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "page.html"], "--viewer"),
        (["--viewer", "-o", "page.png"], "must end in .html"),
        (["--viewer", "-o", "nowhere/page.html"], "no folder"),
        (["missing.lic", "-o", "page.html"], "missing.lic: No such file"),
        (["missing.lic", "--site", "-o", "pyproject.toml"], "is a file"),
    ],
)
def test_wrong_arguments_are_explained(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    assert main(["page", *arguments]) > 0
    assert message in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_a_damaged_file_is_named_and_no_page_written(
    lic_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lic_file.write_bytes(lic_file.read_bytes()[:-1])
    for command in (
        ["page", str(lic_file), "-o", str(tmp_path / "page.html")],
        ["view", str(lic_file), "--no-browser"],
    ):
        assert main(command) == 1
        assert "photo.lic: the file ends at byte" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_names_that_are_not_utf_8_are_shown(lic_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = lic_file.rename(tmp_path / "caf\udce9 \x1b.lic")
    page, site = tmp_path / "p\udce9.html", tmp_path / "s\udce9"
    assert (
        main(["page", str(odd), "-o", str(page)])
        == main(["page", "--site", str(odd), "-m", "tiny", "-o", str(site)])
        == 0
    )
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())
    assert "<title>caf\\udce9 \\x1b.lic</title>" in page.read_text(encoding="utf-8")
    assert 'src="caf%E9%20%1B.lic"' in (site / "example.html").read_text(encoding="utf-8")
    assert (site / odd.name).exists()
    make_server(read_pictures([str(odd)]), 0).server_close()


def test_pictures_of_a_site_overwrite_neither_one_another_nor_the_decoder(
    lic_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a/photo.lic", "lic.js", "Example.HTML"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(lic_file.read_bytes())
        site = tmp_path / "site"
        assert main(["page", "--site", str(lic_file), str(tmp_path / name), "-m", "tiny", "-o", str(site)]) == 2
        assert f"would be called {Path(name).name}: rename the picture" in capsys.readouterr().err
        assert not site.exists()


def test_names_with_signs_of_addresses_are_quoted(lic_file: Path, tmp_path: Path) -> None:
    odd = lic_file.rename(tmp_path / '50 % #1? "a&b".lic')
    assert main(["page", "--site", str(odd), "-m", "tiny", "-o", str(tmp_path / "site")]) == 0
    text = (tmp_path / "site" / "example.html").read_text(encoding="utf-8")
    assert 'src="50%20%25%20%231%3F%20%22a%26b%22.lic" alt="50 % #1? &quot;a&amp;b&quot;.lic"' in text
