"""Commands agree about which files in a folder are pictures."""

from pathlib import Path

import pytest
from PIL import Image

from lic import encode
from lic.codec.picture.formats import register_plugins
from lic.tools.cli import main
from lic.tools.evaluation.results import load_results
from lic.tools.files import find_pictures
from tests.conftest import Pixels


@pytest.mark.usefixtures("tiny_model_path")
def test_eval_reads_what_encode_reads(
    tmp_path: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pillow_heif")
    register_plugins()
    monkeypatch.chdir(tmp_path)
    Path("in/.hidden").mkdir(parents=True)
    Path("in/sub").mkdir()
    small = Image.fromarray(photo[:64, :64])
    for name in ("a.png", "b.heic", "c.pdf", ".hidden/d.png", "sub/e.jpg", "sub/.f.png"):
        small.save(Path("in", name))
    Path("in/a.lic").write_bytes(encode(photo[:64, :64], model="tiny"))
    Path("in/film.mpg").write_bytes(b"\0\0\1\xba")
    assert [str(path) for path in find_pictures(["in"])] == ["in/a.png", "in/b.heic", "in/sub/e.jpg"]
    assert main(["encode", "in", "-o", "out/", "-r", "-m", "tiny", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" -> ")[0] for line in lines] == ["in/a.png", "in/b.heic", "in/sub/e.jpg"]
    arguments = ["eval", "in", "-o", "r.json", "-j", "1", "--codecs", "jpeg", "--qualities", "jpeg=50"]
    assert main(arguments) == 0
    assert {row.picture for row in load_results(["r.json"]).measurements} == {"a.png", "b.heic", "e.jpg"}
