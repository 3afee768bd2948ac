"""The codec in one file, small: its files decode to the symbols that were encoded, in about as many bits as it says."""

import ast
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lic.models.theory import lic_in_200_lines as single
from lic.models.theory.lic_in_200_lines import Codec, bpp_and_psnr, cdf, decode, encode, range_decode, range_encode
from tests.conftest import Pixels

SOURCE = Path(single.__file__).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def picture(photo: Pixels) -> Pixels:
    return photo[:75, :101]  # neither side is a multiple of 16


@pytest.fixture(scope="module")
def codec(photo: Pixels) -> Codec:
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"N": 8, "STEPS": 60, "BATCH": 5, "RATE": 3e-4}.items():
            patch.setattr(single, name, value)
        return single.train([photo])


def rounded(codec: Codec, picture: Pixels, point: int) -> torch.Tensor:
    """The scaled and rounded latents of a picture, as M x (H / 16) x (W / 16)."""
    x = torch.from_numpy(np.pad(picture, [(0, -side % 16) for side in picture.shape[:2]] + [(0, 0)], "edge"))
    y = codec.analysis(x.permute(2, 0, 1)[None] / 255 - 0.5)[0]
    return (y * codec.log_gain[point].exp()[:, None, None]).round()


def test_it_has_200_lines_and_stands_alone() -> None:
    assert SOURCE.count("\n") <= 200
    imported = [node.module for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.ImportFrom)]
    assert "skimage" in imported and not [name for name in imported if name and name.startswith("lic")]


@pytest.mark.parametrize("point", [0, 4])
def test_a_file_decodes_to_the_symbols_that_were_encoded(codec: Codec, picture: Pixels, point: int) -> None:
    n = rounded(codec, picture, point)
    assert n.abs().amax() >= 1
    positions = n[0].numel()
    file = encode(codec, picture, point)
    symbols = range_decode(file[5:], single.tables(codec, point) * positions)
    assert symbols == (n.permute(1, 2, 0).flatten().long() + single.LIMIT).tolist()

    bits = -codec.probability(n.flatten(1), codec.log_gain[point].exp()[:, None].expand(-1, positions)).log2().sum()
    assert abs(8 * len(file) - float(bits)) < 0.02 * float(bits) + 8 * 9


def test_pictures_come_back_better_at_higher_rates(codec: Codec, picture: Pixels) -> None:
    rates, psnrs = [], []
    for point in range(len(single.LAMBDAS)):
        file = encode(codec, picture, point)
        decoded = decode(codec, file)
        assert decoded.shape == picture.shape and decoded.dtype == np.uint8
        rate, psnr = bpp_and_psnr(file, decoded, picture)
        rates.append(rate)
        psnrs.append(psnr)
    assert rates == sorted(rates) and psnrs == sorted(psnrs)
    assert psnrs[0] > 20


def test_latents_beyond_the_tables_are_clipped_by_the_encoder(codec: Codec, picture: Pixels) -> None:
    gain = codec.log_gain[0].clone()
    try:
        codec.log_gain[0] += 7
        assert rounded(codec, picture, 0).abs().amax() > single.LIMIT
        assert decode(codec, encode(codec, picture, 0)).shape == picture.shape
    finally:
        codec.log_gain[0] = gain


def test_training_lowers_the_loss(photo: Pixels, codec: Codec) -> None:
    crops = torch.from_numpy(photo[:192, :256]).permute(2, 0, 1)[None] / 255
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(single, "N", 8)
        untrained = Codec().requires_grad_(False)
    single.start(untrained, crops)
    losses = []
    for network in (untrained, codec):
        torch.manual_seed(0)
        losses.append(float(network.loss(crops, torch.tensor([2]))))
    assert losses[1] < 0.97 * losses[0]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program, which learns nothing."""
    constants = "STEPS, BATCH, CROP, RATE = 3000, 8, 64, 5e-4"
    assert constants in SOURCE
    path = tmp_path / "program.py"
    path.write_text(SOURCE.replace(constants, "STEPS, BATCH, CROP, RATE = 1, 1, 64, 0"), encoding="utf-8")
    return path


def run(program: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", [str(program), *arguments])
    runpy.run_path(str(program), run_name="__main__")


def test_its_help_says_what_it_does(
    program: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="0"):
        run(program, monkeypatch, "--help")
    assert "folder" in (text := capsys.readouterr().out) and "floating point" in text


def test_it_learns_from_a_folder_and_codes_its_last_picture(
    program: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, picture in (("a", skimage.data.coffee()), ("b", skimage.data.chelsea())):
        Image.fromarray(picture[-300:][:, :400] if name == "b" else picture).save(folder / f"{name}.png")
    run(program, monkeypatch, str(folder))
    assert capsys.readouterr().out.count("bits per pixel:") == len(single.LAMBDAS)


def test_the_program_beats_jpeg_at_low_rates_even_untrained(
    program: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(program, monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    lines = [line.rpartition("\r")[2] for line in lines if "loss" not in line]
    points = [re.findall(r"(\d+\.\d+) (?:bits|dB)", line) for line in lines[: len(single.LAMBDAS)]]
    rate, ours, jpeg = map(float, points[0])
    assert rate < 0.2 and ours > jpeg + 1
    plot = "\n".join(lines[len(single.LAMBDAS) :])
    assert len(plot.splitlines()) == 13 and plot.count(" o ") + plot.count(".o") >= 4


def test_densities_are_linear_between_knots_and_integrate_to_one() -> None:
    heights = torch.randn(2, len(single.KNOTS), dtype=torch.float64)
    knots = single.KNOTS.double()
    assert torch.equal(cdf(heights, torch.tensor([[-99.0, 99.0]] * 2)), torch.tensor([[0.0, 1.0]] * 2).double())
    middles = ((knots[1:] + knots[:-1]) / 2).expand(2, -1)
    y = middles.clone().requires_grad_()
    (density,) = torch.autograd.grad(cdf(heights, y).sum(), y)
    areas = heights.exp() @ (torch.nn.functional.pad(knots.diff(), (1, 1)).unfold(0, 2, 1).sum(1) / 2)
    ends = heights.exp() / areas[:, None]
    torch.testing.assert_close(density, (ends[:, 1:] + ends[:, :-1]) / 2, rtol=1e-4, atol=1e-6)


@st.composite
def messages(draw: st.DrawFn) -> tuple[list[int], list[list[int]]]:
    """Symbols, and a table for each."""
    cuts = st.sets(st.integers(1, 2**16 - 1), max_size=6).map(lambda inner: [0, *sorted(inner), 2**16])
    tables = draw(st.lists(cuts, max_size=60))
    return [draw(st.integers(0, len(table) - 2)) for table in tables], tables


@settings(max_examples=200, deadline=None)
@given(messages())
def test_the_range_coder_returns_every_message_in_its_ideal_length(message: tuple[list[int], list[list[int]]]) -> None:
    symbols, tables = message
    code = range_encode(symbols, tables)
    assert range_decode(code, tables) == symbols
    widths = [table[symbol + 1] - table[symbol] for symbol, table in zip(symbols, tables, strict=True)]
    ideal = sum(16 - float(np.log2(width)) for width in widths)
    assert 8 * len(code) <= 1.001 * ideal + 32
