"""`lic report`: the bits of a file are accounted for, and the page holds what it promises."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lic import encode
from lic.codec.entropy import chunks
from lic.codec.model.frozen import FrozenModel
from lic.tools.cli import main
from lic.tools.pages import closeup
from lic.tools.pages.anatomy import channel_density, dissect

pytest.importorskip("matplotlib", reason="needs the extra `plot`")

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def report(photo: Pixels, tiny_model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    Image.fromarray(photo[:180, :200]).save(folder / "b.png")
    Image.fromarray(photo[:170, 60:261]).save(folder / "a.png")
    output = folder / "report.html"
    assert main(["report", str(tiny_model_path), str(folder), "-o", str(output), "--codecs", "jpeg", "-j", "1"]) == 0
    return output


@pytest.mark.parametrize("quality", [1, 60, 100])
def test_the_bits_of_the_latents_add_up_to_the_file(quality: float, photo: Pixels, tiny_model: FrozenModel) -> None:
    anatomy = dissect(encode(photo, quality=quality, model="tiny"), tiny_model)
    stored = 8 * len(chunks.pack(chunks.chunks_of(anatomy.symbols), tiny_model.at(anatomy.position).coder))
    assert anatomy.bits.sum() == pytest.approx(stored, rel=0.02, abs=64)
    assert anatomy.per_channel().sum() == pytest.approx(anatomy.bits.sum())
    assert anatomy.per_place().shape == (13, 17)


def test_escaped_latents_are_paid_for(tiny_model: FrozenModel) -> None:
    symbols = np.zeros((tiny_model.channels, 1, 2), np.int32)
    symbols[0, 0, 1] = 100_000
    bits = chunks.bits(symbols, tiny_model.at(0).coder)[0, 0]
    assert bits[1] > bits[0] + 5 + 17  # its length, and 2 x 100000 in binary


def test_a_density_has_area_one(tiny_model: FrozenModel) -> None:
    density = channel_density(tiny_model, 0, 256)
    area = np.sum((density.heights[1:] + density.heights[:-1]) / 2 * np.diff(density.knots))
    assert area == pytest.approx(1)


def test_error_maps_are_dark_where_nothing_is_wrong(photo: Pixels, tiny_model: FrozenModel) -> None:
    anatomy = dissect(encode(photo, quality=50, model="tiny"), tiny_model)
    decoded = photo.copy()
    decoded[:50] ^= 255
    errors = closeup.error_map(closeup.Examined("x", photo, decoded, anatomy))
    assert errors.shape == photo.shape
    assert errors[:50].mean() > 100 > 10 > errors[60:].mean()


def test_the_page_holds_curves_tables_and_maps(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    for heading in (
        "tiny",
        "Lambda points",
        "Pictures at quality 50",
        "Where the bits go",
        "Errors and bits",
    ):
        assert heading in text
    assert text.count("<svg") == 3
    assert text.count("data:image/png;base64,") == 2 * 3
    assert "BD-rate" in text and "0.002" in text


def test_the_table_of_pictures_sorts(report: Path, run_in_page: Callable[[Path, str], str]) -> None:
    script = """
      const table = document.querySelector("table.sorts");
      const column = (k) => [...table.tBodies[0].rows].map((row) => row.cells[k].textContent);
      const button = (k) => table.tHead.rows[0].cells[k].querySelector("button");
      said.push(column(0));
      button(0).click(); button(0).click(); said.push(column(0));
      said.push(table.tHead.rows[0].cells[0].getAttribute("aria-sort"));
      button(2).focus(); said.push(document.activeElement === button(2));
      document.activeElement.click(); said.push(column(2));
    """
    assert json.loads(run_in_page(report, script)) == [
        ["a.png", "b.png"],
        ["b.png", "a.png"],
        "descending",
        True,
        ["170", "180"],
    ]


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
