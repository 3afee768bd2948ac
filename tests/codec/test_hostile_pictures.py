"""Synthetic pictures: encoding works, in bounded bytes and at a promised quality, or raises a clear error."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lic import BadImage, BadSetting, decode, encode, read_info
from lic.codec.picture.fidelity import psnr
from lic.codec.picture.lossless import FLAT, is_flat
from lic.codec.picture.reading import MAX_SIDE
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")
OVERHEAD = 55  # what a file may have beyond the picture's bytes and its metadata
RNG = np.random.default_rng(0)


def noise(*shape: int) -> Pixels:
    return RNG.integers(0, 256, shape).astype(np.uint8)


def checkerboard(side: int) -> Pixels:
    y, x = np.mgrid[:96, :96]
    return np.repeat(((x // side + y // side) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)


def screenshot() -> Pixels:
    image = Image.new("RGB", (160, 96), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 159, 12), fill=(30, 60, 120))
    for line in range(6):
        draw.text((4, 14 + 13 * line), "the quick brown fox 0123456789", fill="black")
    return np.asarray(image)


PICTURES: dict[str, Pixels] = {
    **{
        f"noise of {shape}": noise(*shape) for shape in [(1, 1), (1, 1, 3), (2, 2, 4), (5, 3, 2), (17, 17), (96, 96, 3)]
    },
    "a strip of 1 x 9,000": noise(1, 9000, 3),
    "a strip of 9,000 x 1 in grey": noise(9000, 1),
    "a strip with noise for alpha": noise(3, 2000, 4),
    "black or white noise": noise(96, 96, 3) // 128 * 255,
    **{f"a checkerboard of {side} x {side}": checkerboard(side) for side in (1, 2, 16)},
    **{f"all {colour}": np.full((50, 70, 3), colour, np.uint8) for colour in [0, 255, (255, 0, 0)]},
    "a screenshot": screenshot(),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_file_is_never_longer_than_its_picture(name: str) -> None:
    pixels = PICTURES[name]
    for quality in (1, 50, 100):
        data = encode(pixels, quality=quality, model="tiny")
        assert len(data) <= pixels.nbytes + OVERHEAD
        assert len(data) <= 1.01 * pixels.nbytes + OVERHEAD  # as is often asked for
        decoded = np.asarray(decode(data))
        assert decoded.shape == pixels.shape
        if "S" in read_info(data).sections:
            visible = pixels[..., -1:] > 0 if pixels.shape[2:] in [(2,), (4,)] else np.array([True])
            assert ((decoded == pixels) | ~visible).all()


@pytest.mark.parametrize("name", PICTURES)
def test_a_quality_asked_for_is_reached_or_refused(name: str) -> None:
    pixels = PICTURES[name]
    if pixels.shape[2:] in [(2,), (4,)]:
        pixels = np.ascontiguousarray(pixels[:, :, 0])
    for target in (12, 45):
        try:
            data = encode(pixels, target_psnr=target, model="tiny")
        except BadSetting as error:
            assert "out of reach" in str(error)
        else:
            assert psnr(pixels, np.asarray(decode(data))) >= target


def test_what_latents_cannot_shorten_is_stored_without_loss() -> None:
    for pixels in (noise(1, 700, 3), noise(700, 2, 2) | 1):  # by the shipped model, whose tables fit noise
        data = encode(pixels, quality=100)
        assert len(data) > pixels.nbytes and "S" in read_info(data).sections
        np.testing.assert_array_equal(decode(data), pixels)
        height, width = pixels.shape[:2]
        part = decode(data, region=(width // 2, height // 2, width, height))
        np.testing.assert_array_equal(part, pixels[height // 2 :, width // 2 :])
        aimed = encode(pixels, target_psnr=90)
        assert len(aimed) == len(data) and read_info(aimed).sections == read_info(data).sections


def test_metadata_comes_on_top() -> None:
    metadata = {"exif": bytes(500), "icc_profile": bytes(3000), "xmp": bytes(70)}
    data = encode(noise(1, 1, 4), metadata=metadata, model="tiny")
    assert len(data) <= 4 + 3570 + OVERHEAD
    assert decode(data).info == metadata


@pytest.mark.parametrize(
    "picture",
    [
        np.full((9, 9, 3), np.nan),
        np.full((9, 9), np.inf, np.float32),
        np.zeros((9, 9, 3), np.float16),
        np.zeros((9, 9, 3), np.int64),
        np.zeros((9, 9, 3), np.uint16),
        np.zeros((9, 9), bool),
        np.zeros((9, 9), object),
        np.zeros((9, 9), "datetime64[s]"),
        np.zeros((), np.uint8),
        np.zeros(9, np.uint8),
        np.zeros((1, 9, 9, 3), np.uint8),
        np.zeros((3, 9, 9), np.uint8),
        np.zeros((9, 9, 1), np.uint8),
        np.zeros((0, 9, 3), np.uint8),
        np.zeros((9, 0), np.uint8),
        np.zeros((0, 0, 4), np.uint8),
        np.broadcast_to(np.uint8(0), (1, MAX_SIDE + 1)),
        Image.new("RGB", (0, 9)),
        Image.new("RGBA", (9, 0)),
        Image.new("1", (0, 0)),
        Image.new("F", (9, 9), float("nan")),
        None,
        7,
        b"\x89PNG",
        [[1, 2], [3, 4]],
    ],
    ids=str,
)
def test_what_is_no_picture_is_refused(picture: object) -> None:
    with pytest.raises(BadImage, match=r"cannot encode .+"):
        encode(picture, model="tiny")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "layout",
    [
        lambda a: a[::-1, ::-1],
        np.asfortranarray,
        lambda a: np.repeat(np.repeat(a, 2, axis=0), 2, axis=1)[::2, ::2],
        lambda a: np.frombuffer(a.tobytes(), np.uint8).reshape(a.shape),  # cannot be written to
    ],
    ids=["turned", "by columns", "strided", "read-only"],
)
def test_memory_may_lie_in_any_order(layout: Callable[[Pixels], Pixels], photo: Pixels) -> None:
    pixels = layout(photo[:40, :50])
    assert encode(pixels, model="tiny") == encode(np.ascontiguousarray(pixels), model="tiny")


def test_a_picture_file_that_ends_early_is_refused(photo: Pixels, tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "PNG")
    (tmp_path / "cut.png").write_bytes(file.getvalue()[:2000])
    with pytest.raises(OSError, match="truncated"):
        encode(tmp_path / "cut.png", model="tiny")


def test_an_enlarged_photograph_is_no_drawing(photo: Pixels) -> None:
    """Though many of its neighbours are equal; of a drawing, samples far apart are, too."""
    enlarged = Image.fromarray(photo[:, :20]).resize((20 * 60, 60 * len(photo)), Image.Resampling.BICUBIC)
    pixels = np.asarray(enlarged)
    assert (pixels[:, 1:] == pixels[:, :-1]).all(axis=2).mean() > FLAT
    assert not is_flat(pixels)
    assert is_flat(np.asarray(Image.fromarray(screenshot()).resize((1600, 9600))))
