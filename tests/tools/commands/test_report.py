"""`lic report`: the page is complete."""

from pathlib import Path

import pytest
from PIL import Image

from lic.tools.cli import main
from tests.conftest import Pixels
from tests.tools.browser.chromium import Tab

pytest.importorskip("matplotlib", reason="needs the extra `plot`")


def test_the_page_holds_curves_tables_and_maps(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    for heading in (
        "tiny",
        "Lambda points",
        "Pictures at quality 65",
        "Where the bits go",
        "Errors and bits",
    ):
        assert heading in text
    assert text.count("<svg") == 3
    assert text.count("data:image/png;base64,") == 2 * 3
    assert "BD-rate" in text and "0.002" in text


def test_the_table_of_pictures_sorts(report: Path, tab: Tab) -> None:
    tab.open(report.as_uri())
    script = """
      const said = [];
      const table = document.querySelector("table.sorts");
      const column = (k) => [...table.tBodies[0].rows].map((row) => row.cells[k].textContent);
      const button = (k) => table.tHead.rows[0].cells[k].querySelector("button");
      said.push(column(0));
      button(0).click(); button(0).click(); said.push(column(0));
      said.push(table.tHead.rows[0].cells[0].getAttribute("aria-sort"));
      button(2).focus(); said.push(document.activeElement === button(2));
      document.activeElement.click(); said.push(column(2));
      return said;
    """
    assert tab.run(script) == [
        ["a.png", "b.png"],
        ["b.png", "a.png"],
        "descending",
        True,
        ["170", "180"],
    ]


# Of each chart: whether it is wider than its box, and the height of its smallest letters, of 9 points in the drawing.
CHARTS = """
  return Array.from(document.querySelectorAll("figure > svg"), (svg) => {
    const box = svg.parentElement;
    return [box.scrollWidth > box.clientWidth, 9 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width];
  });
"""


def test_on_a_phone_charts_scroll_by_themselves_and_stay_large_enough_to_be_read(
    report: Path, tab: Tab, tmp_path: Path
) -> None:
    tab.open(report.as_uri())
    tab.screenshot(tmp_path / "phone.png", 390, 844)
    charts, width = tab.run(CHARTS), tab.run("return document.documentElement.scrollWidth;")
    tab.screenshot(tmp_path / "desk.png", 1280, 800)
    wide = tab.run(CHARTS)
    tab.call("Emulation.clearDeviceMetricsOverride")
    assert width <= 390
    assert len(charts) == 3 and all(scrolls and letters >= 11 for scrolls, letters in charts)
    assert not any(scrolls for scrolls, _ in wide)


def test_the_best_codec_of_each_column_is_bold(report: Path, tab: Tab) -> None:
    tab.open(report.as_uri())
    columns = tab.run("""
      const rows = [...document.querySelector("table").tBodies[0].rows];
      const bold = (cell) => Number(getComputedStyle(cell).fontWeight) >= 700;
      return [1, 4].map((k) => rows.map(({ cells }) => [Number.parseFloat(cells[k].textContent), bold(cells[k])]));
    """)
    for choose, column in zip((min, max), columns, strict=True):
        best = choose(value for value, _ in column)
        assert len(column) == 2 and all(bold == (value == best) for value, bold in column)


def test_a_training_run_has_a_report(photo: Pixels, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture, run, output = (str(tmp_path / name) for name in ("x.png", "run", "r.html"))
    Image.fromarray(photo[:64, :64]).save(picture)
    shape = [
        "--crop",
        "32",
        "--batch",
        "2",
        "--channels",
        "4",
        "--latents",
        "6",
        "--lambdas",
        "0.01",
        "--device",
        "cpu",
    ]
    assert main(["train", picture, "-o", run, "--steps", "1", *shape]) == 0
    assert main(["report", run, picture, "-o", output, "--codecs", "jpeg", "-j", "1"]) == 0
    assert "r.html: run on 1 of 1 pictures" in capsys.readouterr().out
    text = Path(output).read_text(encoding="utf-8")
    assert "<h2>Lambda points</h2>" in text and "steps: 1" in text


def test_what_is_no_model_is_refused(tmp_path: Path, photo: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(photo).save(tmp_path / "x.png")
    assert main(["report", str(tmp_path), str(tmp_path / "x.png"), "-o", str(tmp_path / "r.html")]) == 1
    assert "neither a model nor a training run" in capsys.readouterr().err


def test_a_run_is_reported_by_a_quick_export(photo: Pixels, tmp_path: Path) -> None:
    Image.fromarray(photo[:96, :112]).save(tmp_path / "a.png")
    run, picture, output = str(tmp_path / "run"), str(tmp_path / "a.png"), tmp_path / "report.html"
    tiny = "--steps 1 --crop 32 --batch 2 --channels 4 --latents 6 --lambdas 0.01,0.04 --device cpu"
    assert main(["train", picture, "-o", run, *tiny.split()]) == 0
    assert main(["report", run, picture, "-o", str(output), "--codecs", "jpeg", "--crops", "1", "-j", "1"]) == 0
    text = output.read_text(encoding="utf-8")
    assert "run: rate and distortion" in text and "0.04" in text
    assert "thousand multiplications per pixel" in text and "kMAC/pixel to decode" in text
