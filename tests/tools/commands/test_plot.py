"""`lic plot`: what the pictures show and say, and the tables that are printed."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from lic.tools.cli import UsageError, main
from lic.tools.commands import plot
from lic.tools.evaluation import charts
from lic.tools.evaluation.curves import Curve, Point
from lic.tools.evaluation.results import CodecInfo, Measurement, Results, save_results

pytest.importorskip("matplotlib", reason="needs the extra `plot`")


@pytest.fixture(scope="module")
def results_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two codecs on two pictures; lic needs half of jpeg's rate, and JPEG's curve goes on for longer."""
    rows = []
    for picture, hardness in (("easy.png", 1.0), ("hard.png", 2.0)):
        for codec, scale, settings in (("jpeg", 0.2, range(7)), ("lic", 0.1, range(5))):
            for k in settings:
                bpp, psnr = hardness * scale * 2**k, 28.0 + 2.5 * k
                rows.append(
                    Measurement(
                        picture,
                        64,
                        64,
                        codec,
                        k,
                        round(bpp * 512),
                        bpp,
                        psnr,
                        psnr,
                        psnr,
                        0.9,
                        1 - 0.1 / (k + 1),
                    )
                )
    infos = {"jpeg": CodecInfo("JPEG 4:2:0", "1", "x"), "lic": CodecInfo("lic (photo)", "2", "y")}
    path = tmp_path_factory.mktemp("results") / "results.json"
    save_results(path, Results(tuple(rows), infos, "Kodak: all 24 pictures, it is claimed", "a machine"))
    return path


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_curves_are_drawn(results_file: Path, tmp_path: Path, suffix: str, start: bytes) -> None:
    output = tmp_path / f"rd.{suffix}"
    assert main(["plot", str(results_file), "-o", str(output)]) == 0
    data = output.read_bytes()
    assert data.startswith(start)
    assert main(["plot", str(results_file), "-o", str(output)]) == 0
    assert output.read_bytes() == data  # the same every time
    if suffix == "png":
        with Image.open(output) as image:
            assert len(image.convert("RGB").getcolors(1 << 20) or []) > 50


def test_axes_legend_and_caption_say_what_is_shown(results_file: Path) -> None:
    results = plot.load_results([results_file])
    panels = {"psnr": plot.build_curves(results, "psnr", "setting", ["bpg"])}
    figure = charts.draw(panels, plot.describe(results, "setting"), log=True)
    (axes,) = figure.axes
    assert axes.get_xlabel() == "rate, bits per pixel (logarithmic)"
    assert axes.get_ylabel() == "PSNR (RGB), dB"
    assert figure.get_suptitle() == "mean over 2 pictures (Kodak), at fixed settings"
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert sorted(names) == ["BPG 4:4:4, published", "JPEG 4:2:0", "lic (photo)"]
    assert names.index("lic (photo)") < names.index("JPEG 4:2:0")  # in the order of the curves


def test_the_rate_axis_ends_with_lic(results_file: Path) -> None:
    results = plot.load_results([results_file])
    figure = charts.draw({"psnr": plot.build_curves(results, "psnr", "setting")}, "")
    left, right = figure.axes[0].get_xlim()
    assert left == 0 and right == pytest.approx(1.03 * 2.4)


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


def test_one_picture_and_equal_rates(results_file: Path) -> None:
    results = plot.load_results([results_file])
    hard = plot.choose(results, ["lic"], "hard.png")
    (curve,) = plot.build_curves(hard, "psnr", "picture")
    assert [p.bpp for p in curve.points] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2])
    assert plot.describe(hard, "picture") == "hard.png"
    (curve,) = plot.build_curves(plot.choose(results, ["lic"], None), "psnr", "at-rate")
    assert curve.points[0].bpp == pytest.approx(0.2) and curve.points[-1].bpp == pytest.approx(1.6)
    assert curve.points[0].value == pytest.approx((28 + 30.5) / 2)
    assert "interpolated per picture" in plot.describe(results, "at-rate")


def test_a_page_holds_curves_tables_points_and_sources(results_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "rd.html"
    arguments = ["plot", str(results_file), "-o", str(output), "--bd", "jpeg", "--published", "vtm"]
    assert main(arguments) == 0
    text = output.read_text()
    assert "<svg" in text and "-50.0 %" in text and "VVC (VTM), published: CompressAI" in text
    assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to do"),
        (["-o", "x.gif"], "cannot draw"),
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


def test_published_curves_are_refused_beside_other_pictures(results_file: Path) -> None:
    others = replace(plot.load_results([results_file]), dataset="3 of the 24 Kodak pictures, ...")
    with pytest.raises(UsageError, match="these results are not"):
        plot.check_published(others, ["vtm"], "setting")
    plot.check_published(others, [], "setting")


def test_several_models_look_different() -> None:
    curves = [Curve(name, name, [Point(1, 30), Point(2, 35)]) for name in ("lic", "lic-mine", "jpeg", "webp")]
    styles = {(s["color"], s["marker"]) for s in (charts.style_of(curve, curves) for curve in curves)}
    assert len(styles) == 4
    assert charts.style_of(curves[1], curves)["linewidth"] > charts.style_of(curves[2], curves)["linewidth"]


def test_an_undefined_metric_is_explained(tmp_path: Path) -> None:
    rows = (Measurement("tiny.png", 8, 8, "jpeg", 50, 100, 12.5, 30.0, ms_ssim=math.nan),)
    results = Results(rows, {"jpeg": CodecInfo("JPEG", "1", "x")})
    with pytest.raises(UsageError, match="undefined"):
        plot.build_curves(results, "ms-ssim", "setting")
