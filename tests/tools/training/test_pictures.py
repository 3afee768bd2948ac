"""Which pictures training uses, and its messages about the others."""

import itertools
from pathlib import Path

import numpy as np
import PIL
import pytest
import torch
from PIL import Image
from torch import Tensor

from lic.tools.training.picture_window import PictureWindow, open_pictures
from lic.tools.training.pictures import NoPictures, PictureStore, halve, load_pictures


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder with a large picture below, a small one, a broken one, and a text."""
    (tmp_path / "below").mkdir()
    Image.new("RGB", (40, 50), "red").save(tmp_path / "below" / "large.jpg")
    Image.new("L", (20, 50)).save(tmp_path / "small.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nand then nothing")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_unreadable_pictures_are_named_and_small_ones_counted(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (picture,) = load_pictures([mixed], smallest=32)
    assert picture.shape == (3, 50, 40)
    printed = capsys.readouterr().out
    assert f"skipped {mixed / 'broken.png'}" in printed
    assert "skipped 1 of 3 pictures: smaller than 32 x 32" in printed
    assert "notes" not in printed


def test_files_are_taken_as_given(mixed: Path) -> None:
    assert len(list(load_pictures([mixed / "small.png", mixed / "below" / "large.jpg"], smallest=16))) == 2


def test_nothing_to_train_on_is_an_error_that_says_why(mixed: Path) -> None:
    with pytest.raises(NoPictures, match="too small: give larger ones, or a smaller `crop`"):
        list(load_pictures([mixed], smallest=1000))
    with pytest.raises(NoPictures, match=r"no picture in .*broken.png that Pillow can read"):
        list(load_pictures([mixed / "broken.png"], smallest=16))
    with pytest.raises(NoPictures, match=r"no picture in .*nowhere"):
        list(load_pictures([mixed / "nowhere"], smallest=16))


OLD_PILLOW = pytest.mark.skipif(
    int(PIL.__version__.split(".")[0]) < 13, reason="Pillow before 13 does not read the YCbCr TIFF files that it writes"
)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", pytest.param("YCbCr", marks=OLD_PILLOW)])
def test_every_usual_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("picture.tif" if mode in ("CMYK", "YCbCr") else "picture.png")
    Image.new("RGB", (20, 20), "white").convert(mode).save(path)
    (picture,) = load_pictures([path], smallest=16)
    assert picture.dtype == torch.uint8
    assert picture.min() >= 250


def test_pictures_of_more_than_8_bits_are_named_not_clipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.full((20, 20), 3000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(NoPictures):
        list(load_pictures([tmp_path], smallest=16))
    assert "deep.png: mode I;16" in capsys.readouterr().out


def all_turns(square: Tensor) -> list[Tensor]:
    """The eight ways to flip and transpose."""
    turned = [square, square.mT]
    turned += [t.flip(-1) for t in turned]
    return turned + [t.flip(-2) for t in turned]


def test_crops_come_from_everywhere_in_all_eight_orientations() -> None:
    picture = torch.arange(3 * 5 * 7, dtype=torch.uint8).reshape(3, 5, 7)  # no two crops are alike
    store = PictureStore([picture], crop=4)
    places = [(top, left) for top in range(2) for left in range(4)]
    squares = [turn for y, x in places for turn in all_turns(picture[:, y : y + 4, x : x + 4])]
    drawn = (store.draw(3200, torch.Generator().manual_seed(0)) * 255).round().to(torch.uint8)
    seen = [int((drawn == square).flatten(1).all(1).sum()) for square in squares]
    assert sum(seen) == 3200
    assert all(20 < count < 80 for count in seen)  # 50 are expected of each of the 64


def test_crops_are_drawn_evenly_over_the_area_of_all_pictures() -> None:
    black, white = torch.zeros(3, 4, 5, dtype=torch.uint8), torch.full((3, 10, 7), 255, dtype=torch.uint8)
    drawn = PictureStore([black, white], crop=4).draw(2000, torch.Generator().manual_seed(0))
    assert float(drawn.mean()) == pytest.approx(70 / (20 + 70), abs=0.03)


def test_a_part_of_a_batch_is_the_same_as_in_the_whole() -> None:
    store = PictureStore([torch.randint(256, (3, 40, 50), dtype=torch.uint8)], crop=16)
    whole = store.draw(6, torch.Generator().manual_seed(0))
    assert whole.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(store.draw(6, torch.Generator().manual_seed(0), slice(2, 4)), whole[2:4])


def test_pictures_are_also_seen_at_half_size() -> None:
    noise = torch.randint(256, (3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    store = PictureStore([noise], crop=16)
    assert store.sizes.tolist() == [[64, 64], [32, 32], [16, 16]]
    assert (store.count, store.pixels) == (1, 64 * 64)
    crops = PictureStore([halve(noise)], crop=32).draw(1, torch.Generator().manual_seed(0))
    assert float(crops.std()) < 0.6 * float(noise.float().std()) / 255
    assert float(crops.mean()) == pytest.approx(float(noise.float().mean()) / 255, abs=0.01)


@pytest.fixture
def window(tmp_path: Path) -> PictureWindow:
    """Eight pictures of one grey each, of which about three are held."""
    for k in range(8):
        Image.new("RGB", (32, 32), (k + 1,) * 3).save(tmp_path / f"{k}.png")
    (tmp_path / "broken.png").write_bytes(b"nothing")
    opened = open_pictures([str(tmp_path)], 32, torch.device("cpu"), 3 * 32 * 32 * 4 / 1e9, 0, quiet=True)
    assert isinstance(opened, PictureWindow)
    return opened


def greys(window: PictureWindow, step: int) -> set[int]:
    drawn = window.draw(64, torch.Generator().manual_seed(0), step=step)
    return {round(255 * float(crop.mean())) for crop in drawn}


def test_a_window_holds_some_pictures_and_moves_over_all(window: PictureWindow) -> None:
    assert (window.count, window.pixels) == (8, 8 * 32 * 32)
    seen = [greys(window, step) for step in range(8)]
    assert {len(some) for some in seen} == {3}
    assert all(len(before & after) == 2 for before, after in itertools.pairwise(seen))
    assert set.union(*seen) == set(range(1, 9))
    assert greys(window, 8) == seen[0]


def test_a_window_draws_the_same_at_a_step_whatever_was_drawn_before(window: PictureWindow) -> None:
    there = window.draw(6, torch.Generator().manual_seed(0), step=5)
    window.draw(6, torch.Generator().manual_seed(1), step=6)
    assert torch.equal(window.draw(6, torch.Generator().manual_seed(0), slice(2, 4), step=5), there[2:4])
    assert there.is_contiguous(memory_format=torch.channels_last)


def test_crops_of_a_window_come_from_everywhere_in_all_eight_orientations() -> None:
    picture = torch.arange(3 * 4 * 5, dtype=torch.uint8).reshape(3, 4, 5)
    window = PictureWindow([picture], [(4, 5)], 4, "cpu", 1)
    drawn = (window.draw(400, torch.Generator().manual_seed(0)) * 255).round().to(torch.uint8)
    squares = [turn for x in range(2) for turn in all_turns(picture[:, :, x : x + 4])]
    assert all(10 < int((drawn == square).flatten(1).all(1).sum()) < 45 for square in squares)  # 25 are expected


def test_pictures_that_fit_into_memory_are_all_held(mixed: Path) -> None:
    assert isinstance(open_pictures([str(mixed)], 32, torch.device("cpu"), 1, 0, quiet=True), PictureStore)
