"""`lic plot`: the content of plots, and the printed tables."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from lic.tools.cli import main
from lic.tools.evaluation.bd import Difference, Interval
from lic.tools.evaluation.charts import draw_work
from lic.tools.evaluation.curves import published_curve
from lic.tools.evaluation.results import load_results, save_results

NOTHING = Interval(math.nan, math.nan), math.nan, Interval(math.nan, math.nan)
pytest.importorskip("matplotlib", reason="needs the extra `plot`")


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_curves_are_drawn(results_file: Path, tmp_path: Path, suffix: str, start: bytes) -> None:
    output = tmp_path / f"rd.{suffix}"
    assert main(["plot", str(results_file), "-o", str(output)]) == 0
    data = output.read_bytes()
    assert data.startswith(start)
    assert main(["plot", str(results_file), "-o", str(output), "--force"]) == 0
    assert output.read_bytes() == data  # the same every time
    if suffix == "png":
        with Image.open(output) as image:
            assert len(image.convert("RGB").getcolors(1 << 20) or []) > 50


def test_bd_rate_of_half_the_rate_is_minus_50(results_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", str(results_file), "--bd", "jpeg", "--table", "json"]) == 0
    (table,) = json.loads(capsys.readouterr().out)
    (difference,) = table["differences"]
    assert difference["rate_percent"] == pytest.approx(-50)
    assert difference["per_picture_percent"] == pytest.approx(-50)
    assert difference["gain"] == pytest.approx(2.5)
    assert difference["metric_interval"] == pytest.approx([28, 38])
    assert difference["pictures"] == 2


def test_tables_are_text_or_markdown(results_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", str(results_file), "--bd", "jpeg"]) == 0
    text = capsys.readouterr().out
    assert "-50.0 %" in text and "28.00 to 38.00 dB" in text and "at fixed settings" in text
    assert main(["plot", str(results_file), "--bd", "jpeg", "--table", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("| against JPEG 4:2:0 | BD-rate |")


def test_a_page_holds_curves_tables_points_and_sources(results_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "rd.html"
    arguments = ["plot", str(results_file), "-o", str(output), "--bd", "jpeg", "--published", "vtm"]
    assert main(arguments) == 0
    text = output.read_text()
    assert "<svg" in text and "-50.0 %" in text and "VVC (VTM), published: CompressAI" in text
    assert re.findall('<td class="best">(.*?)</td>', text) == ["-76.6 %", "+6.23 dB"]  # VVC's, not lic's
    assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to do"),
        (["-o", "x.gif"], "must end in .png or .svg"),
        (["--bd", "webp"], "no curve webp"),
        (["-o", "x.png", "--codecs", "webp"], "no results for webp"),
        (["-o", "x.png", "--picture", "none.png"], "no results for picture"),
        (["-o", "x.png", "--published", "nothing"], "no published curve nothing"),
        (["-o", "x.png", "--published", "vtm", "--metric", "ssim"], "not published with ssim"),
        (["-o", "x.png", "--published", "vtm", "--picture", "easy.png"], "means over Kodak's 24 pictures"),
        (["-o", "x.png", "--max-rate", "0.01"], "larger --max-rate"),
    ],
)
def test_wrong_arguments_are_explained(
    arguments: list[str], message: str, results_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", str(results_file), *arguments]) > 0
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_the_work_of_decoding_stands_beside_bd_rates_and_in_a_chart(
    suffix: str, results_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = load_results([results_file])
    known = results.codecs | {"lic": replace(results.codecs["lic"], kmacs=12.5)}
    timed = tuple(replace(m, decode_seconds=0.002) for m in results.measurements)
    path, chart = tmp_path / f"known.{suffix}", tmp_path / "work.svg"
    save_results(path, replace(results, codecs=known, measurements=timed))
    assert load_results([path]).codecs == known
    assert main(["plot", str(path), "--bd", "jpeg", "--work", str(chart)]) == 0
    assert "kMAC/pixel to decode" in (text := capsys.readouterr().out) and "12.5" in text
    assert load_results([path]).decoding_seconds("lic") == pytest.approx(0.002 / (64 * 64 / 1e6))
    figure = draw_work([Difference("lic", "lic", -50, *NOTHING, kmacs=12.5)], "JPEG", {"lic": 0.5, "jpeg": 0.01})
    drawn = [(line.get_xdata()[0], line.get_ydata()[0]) for axis in figure.axes for line in axis.lines]
    assert drawn == [(12.5, -50), (500, -50)]
    assert main(["plot", str(path), "-o", str(tmp_path / "rd.svg"), "--work", str(chart)]) == 2


def test_published_networks_have_their_work_too() -> None:
    assert published_curve("hyperprior", "psnr").kmacs == 43.5 and published_curve("hm", "psnr").kmacs is None


def test_a_table_without_known_work_has_no_column_for_it(
    results_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", str(results_file), "--bd", "jpeg"]) == 0
    assert "kMAC" not in capsys.readouterr().out
