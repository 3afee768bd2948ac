"""Modes and metadata: nothing is lost or wrong silently."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageCms

from lic import BadImage, BadSetting, Corrupt, decode, encode, read_info
from lic.codec.file.container import Container, Section, build, parse
from lic.codec.picture.alpha import fill_hidden, pack_alpha, unpack_alpha
from lic.codec.picture.reading import read_image
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")

ORIENTATION = 0x0112
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def lic(image: object, **settings: object) -> bytes:
    return encode(image, quality=90, model="tiny", **settings)  # type: ignore[arg-type]


@pytest.fixture
def cutout(photo: Pixels) -> Image.Image:
    """A picture with soft, hard and no transparency, and noise in hidden pixels."""
    rgba = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    rgba[40:120, 50:150] = np.random.default_rng(0).integers(0, 256, (80, 100, 4))
    rgba[40:120, 50:150, 3] = 0
    rgba[130:150, :, 3] = np.arange(photo.shape[1]) % 256
    return Image.fromarray(rgba)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "RGBa", "PA"])
def test_alpha_is_kept_exactly(cutout: Image.Image, mode: str) -> None:
    image = cutout.convert("P").convert("PA") if mode == "PA" else cutout.convert(mode)
    data = lic(image)
    decoded = decode(data)
    assert decoded.mode == read_info(data).mode == ("LA" if mode == "LA" else "RGBA")
    assert decoded.getchannel("A").tobytes() == image.convert("RGBA").getchannel("A").tobytes()


def test_arrays_may_have_alpha(cutout: Image.Image) -> None:
    for mode in ("RGBA", "LA"):
        assert lic(np.array(cutout.convert(mode))) == lic(cutout.convert(mode))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_transparent_colour_becomes_alpha(photo: Pixels, mode: str) -> None:
    image = Image.fromarray(photo).convert(mode)
    image.info["transparency"] = image.getpixel((0, 0))
    decoded = decode(lic(image))
    assert decoded.mode == ("LA" if mode in "1L" else "RGBA")
    assert decoded.getpixel((0, 0))[-1] == 0  # type: ignore[index]
    assert decoded.getchannel("A").getextrema() == (0, 255)


def test_hidden_pixels_cost_nothing(cutout: Image.Image, photo: Pixels) -> None:
    flat = np.array(cutout)
    flat[40:120, 50:150, :3] = 0
    assert lic(cutout) == lic(flat)
    assert len(parse(lic(cutout)).latents) < len(parse(lic(photo)).latents)
    nothing = np.dstack([photo, np.zeros_like(photo[:, :, 0])])
    assert parse(lic(nothing)).latents == parse(lic(np.full_like(photo, 128))).latents


def test_an_opaque_alpha_costs_two_bytes(photo: Pixels) -> None:
    assert len(lic(Image.fromarray(photo).convert("RGBA"))) == len(lic(photo)) + 2


@settings(max_examples=50, deadline=None)
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.sampled_from([0, 1, 255])))
def test_filling_touches_hidden_pixels_only_and_stays_among_the_visible_colours(alpha: Pixels) -> None:
    pixels = np.full((*alpha.shape, 3), (200, 100, 50), np.uint8)
    pixels[alpha == 0] = 7
    filled = fill_hidden(pixels, alpha)
    assert (filled == ((200, 100, 50) if alpha.any() else 128)).all()
    height, width = alpha.shape
    assert (np.array(unpack_alpha(pack_alpha(alpha), (width, height), (0, 0, width, height))) == alpha).all()


@pytest.mark.parametrize("payload", [b"\0", pack_alpha(np.zeros((3, 3), np.uint8)), None])
def test_damaged_alpha_is_our_error(photo: Pixels, payload: bytes | None) -> None:
    payload = pack_alpha(np.zeros(photo.shape[:2], np.uint8))[:-30] if payload is None else payload
    file = parse(lic(photo))
    broken = Container(
        file.width, file.height, file.mode, file.position, file.fingerprint, file.latents, (Section(b"A", payload),)
    )
    with pytest.raises(Corrupt, match="alpha"):
        decode(build(broken))


@pytest.mark.parametrize("mode", ["P", "RGBX", "YCbCr", "HSV", "CMYK"])
def test_other_colours_are_coded_as_pillow_converts_them(photo: Pixels, mode: str) -> None:
    image = Image.fromarray(photo).convert(mode)
    assert lic(image) == lic(np.array(image.convert("RGB")))


def test_black_and_white_is_grey(photo: Pixels) -> None:
    assert decode(lic(Image.fromarray(photo).convert("1"))).mode == "L"


@pytest.mark.parametrize("mode", ["I", "F", "LAB"])
def test_modes_that_would_lose_something_are_refused(mode: str) -> None:
    with pytest.raises(BadImage, match=f"{mode} .*convert"):
        lic(Image.new(mode, (20, 20)))


def test_of_16_bits_of_grey_the_upper_8_are_kept(photo: Pixels) -> None:
    grey = photo[:, :, 0]
    with pytest.warns(UserWarning, match="16 bits per sample"):
        assert lic(Image.fromarray(grey.astype(np.uint16) * 256 + 255)) == lic(grey)


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 3)), np.zeros((4, 4, 5), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros(5, np.uint8)],
    ids=["float", "five channels", "empty", "one dimension"],
)
def test_arrays_that_are_no_pictures(array: np.ndarray) -> None:
    with pytest.raises(BadImage):
        lic(array)


def test_cmyk_with_a_profile_goes_to_srgb_or_fails(photo: Pixels) -> None:
    image = Image.fromarray(photo).convert("CMYK")
    image.info["icc_profile"] = SRGB  # a profile of three colours does not fit
    with pytest.raises(BadImage, match="ICC profile"):
        lic(image)


METADATA = {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", "icc_profile": SRGB, "xmp": b"<x:xmpmeta/>"}


def test_metadata_survives_byte_for_byte_unless_stripped(photo: Pixels, tmp_path: Path) -> None:
    image = Image.fromarray(photo)
    image.save(tmp_path / "photo.jpg", **METADATA)
    data = lic(tmp_path / "photo.jpg")
    assert parse(data).metadata == METADATA
    assert {name: decode(data).info[name] for name in METADATA} == METADATA
    assert parse(lic(tmp_path / "photo.jpg", strip=True)).sections == ()


def test_metadata_can_be_given_and_removed(photo: Pixels) -> None:
    image = Image.fromarray(photo)
    image.info |= METADATA
    assert parse(lic(image, metadata={"xmp": "<other/>", "exif": None})).metadata == {
        "icc_profile": SRGB,
        "xmp": b"<other/>",
    }
    assert parse(lic(photo, metadata=METADATA)).metadata == METADATA
    with pytest.raises(BadSetting, match="iptc"):
        lic(photo, metadata={"iptc": b""})


def test_orientation_is_kept_or_applied(photo: Pixels) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG", exif=exif)
    lying = decode(lic(buffer))
    assert lying.size == photo.shape[1::-1] and lying.getexif()[ORIENTATION] == 6
    upright = decode(lic(buffer, auto_orient=True))
    assert upright.size == photo.shape[:2] and upright.getexif()[ORIENTATION] == 1
    np.testing.assert_array_equal(read_image(buffer, strip=True).pixels, np.rot90(photo, -1))


def test_of_several_frames_one_is_encoded_with_a_warning(photo: Pixels) -> None:
    frames = [Image.fromarray(photo[:, ::step]) for step in (1, -1)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "TIFF", save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match="2 frames, only number 1"):
        assert lic(buffer) == lic(photo)
    image = Image.open(buffer)
    image.seek(1)
    with pytest.warns(UserWarning, match="only number 2"):
        assert lic(image) == lic(photo[:, ::-1])
