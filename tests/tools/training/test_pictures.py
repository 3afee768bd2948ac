"""Which pictures training uses, and its messages about the others."""

from pathlib import Path

import numpy as np
import PIL
import pytest
import torch
from PIL import Image

from lic.tools.training.pictures import NoPictures, PictureStore, load_pictures


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


def test_crops_come_from_everywhere_and_half_of_them_mirrored() -> None:
    ramp = torch.arange(40, dtype=torch.uint8).expand(3, 18, 40)  # tells where a crop is, and whether mirrored
    store = PictureStore([ramp], crop=16)
    first = (store.draw(400, torch.Generator().manual_seed(0))[:, 0, 0] * 255).round()
    mirrored = first[:, 0] > first[:, -1]
    assert 150 < int(mirrored.sum()) < 250
    left = torch.where(mirrored, first[:, -1], first[:, 0])
    assert set(left.int().tolist()) == set(range(25))


def test_pictures_are_also_seen_at_half_size() -> None:
    noise = torch.randint(256, (3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    store = PictureStore([noise], crop=16)
    assert [tuple(p.shape[1:]) for p in store.pictures] == [(64, 64), (32, 32), (16, 16)]
    assert (store.count, store.pixels) == (1, 64 * 64)
    assert store.pictures[1].float().mean() == pytest.approx(float(noise.float().mean()), abs=0.5)
