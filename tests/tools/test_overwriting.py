"""No command overwrites a file that it has not made, unless it is told to."""

from pathlib import Path

import numpy as np
import pytest

from lic import encode
from lic.tools.cli import main

Captured = pytest.CaptureFixture[str]


@pytest.mark.usefixtures("tiny_model_path")
@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        ("encode photo.png -m tiny", "photo.lic"),
        ("encode photo.png -m tiny -o other.lic --manifest list.jsonl", "list.jsonl"),
        ("edit a.lic --rotate 90 -o b.lic", "b.lic"),
        ("desktop --thumbnail 64 a.lic b.png", "b.png"),
        ("page --viewer -m tiny -o page.html", "page.html"),
        ("page --site a.lic -m tiny -o site", "site/lic.js"),
        ("compare photo.png -o sheet.png", "sheet.png"),
        ("compare photo.png --html page.html", "page.html"),
        ("eval photo.png -o results.json", "results.json"),
        ("plot results.json -o plot.svg", "plot.svg"),
        ("report tiny photo.png -o report.html", "report.html"),
        ("export run -o model.safetensors", "model.safetensors"),
        ("export tiny --onnx -o onnx", "onnx/analysis.onnx"),
        ("demo -m tiny", "lic-demo/astronaut.png"),
        ("learn figures figures --only em", "figures/em.png"),
        ("learn theory -o theory", "theory/index.html"),
        ("learn vae sample run -o samples.png", "samples.png"),
    ],
)
def test_existing_files_stay(
    arguments: str, output: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photo.png").write_bytes((pictures / "photo.png").read_bytes())
    Path("a.lic").write_bytes(encode(np.zeros((9, 9, 3), np.uint8), model="tiny"))
    Path(output).parent.mkdir(exist_ok=True)
    Path(output).write_text("precious")
    assert main(arguments.split()) in (1, 2)
    assert "give --force" in capsys.readouterr().err
    assert Path(output).read_text() == "precious"


def test_a_site_is_written_again_but_not_over_other_pages(
    tiny_model_path: Path, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "a.lic").write_bytes(encode(np.zeros((9, 9, 3), np.uint8), model="tiny"))
    command = ["page", "--site", str(tmp_path / "a.lic"), "-m", "tiny", "-o", str(tmp_path / "web")]
    web = tmp_path / "web"
    web.mkdir()
    (web / "README.md").write_text("about my site")
    assert main(command) == main(command) == 0
    assert "README.md: kept as it is" in capsys.readouterr().out
    assert (web / "README.md").read_text() == "about my site" and (web / "lic.js").exists()
    (web / "lic.js").write_text("an old version")
    assert main(command) == 2
    assert "lic.js in" in capsys.readouterr().err
    assert main([*command, "--force"]) == 0
    assert (web / "lic.js").read_text() != "an old version" and (web / "README.md").read_text() == "about my site"
