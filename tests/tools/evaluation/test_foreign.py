"""Curves of other projects' files are read without a label of ours."""

import json
from pathlib import Path

import pytest

from lic.tools.cli import main
from lic.tools.evaluation.curves import Point
from lic.tools.evaluation.foreign import foreign_curves, is_foreign
from lic.tools.evaluation.results import BadResults

COMPRESSAI = {
    "name": "hyperprior",
    "description": "Inference (ans)",
    "results": {"psnr-rgb": [30.0, 33.0], "ms-ssim-rgb": [0.95, 0.98], "bpp": [0.2, 0.5], "encoding_time": [1.0, 1.0]},
}


def test_compressais_json_is_a_curve(tmp_path: Path) -> None:
    path = tmp_path / "compressai.json"
    path.write_text(json.dumps(COMPRESSAI))
    assert is_foreign(path)
    (curve,) = foreign_curves(path, "psnr")
    assert (curve.label, curve.points) == ("hyperprior", [Point(0.2, 30.0), Point(0.5, 33.0)])
    assert foreign_curves(path, "ms-ssim")[0].points[1].value == 0.98
    assert foreign_curves(path, "ms-ssim-db")[0].points[1].value == pytest.approx(16.99, abs=0.01)
    assert foreign_curves(path, "ssim") == []


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_table_may_have_several_codecs(separator: str, tmp_path: Path) -> None:
    rows = [("Codec", "rate_bpp", "PSNR dB"), ("a", 0.5, 33), ("b", 0.4, 31), ("a", 0.2, 30)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(separator.join(map(str, row)) for row in rows))
    curves = {curve.label: curve.points for curve in foreign_curves(path, "psnr")}
    assert curves == {"a": [Point(0.2, 30), Point(0.5, 33)], "b": [Point(0.4, 31)]}


def test_rows_as_json_have_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps([{"bpp": 0.5, "lpips": 0.1}]))
    assert foreign_curves(path, "lpips")[0].label == "mine"
    path.write_text(json.dumps([{"bpp": 0.5, "psnr": 30, "kMAC/pixel": 41.5}]))
    assert foreign_curves(path, "psnr")[0].kmacs == 41.5


@pytest.mark.parametrize("text", ["[1]", "{", '[{"psnr": 30}]', '{"bpp": [1, 2], "psnr": [1]}'])
def test_what_is_no_table_is_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(BadResults, match=r"no table of results|is a rate"):
        foreign_curves(path, "psnr")


def test_plot_shows_such_a_file_and_compares_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    for name, better in (("a", 0), ("b", 2)):
        rows = {"bpp": [0.1, 0.3, 0.6, 1.0], "psnr": [28 + better, 31 + better, 34 + better, 36 + better]}
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    command = ["plot", str(tmp_path / "a.json"), str(tmp_path / "b.json"), "-o", str(tmp_path / "rd.svg"), "--bd", "a"]
    assert main(command) == 0
    assert "b" in capsys.readouterr().out and (tmp_path / "rd.svg").exists()
