"""Pictures with 16 bits per sample, of which the upper 8 are encoded."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from lic.codec.errors import BadImage
from lic.codec.picture.alpha import Plane
from lic.codec.picture.headers import BITS_PER_SAMPLE

PLANES = 284  # a tag of TIFF


def upper_bits(image: Image.Image) -> Image.Image:
    """A grey picture's upper 8 bits, where Pillow would clip; of colours it has kept only these."""
    if not image.mode.startswith("I;16"):
        return image
    upper = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    upper.info = {**image.info}
    return upper


def _in_raw_planes(image: Image.Image) -> bool:
    """Whether it is a TIFF file of a kind whose bytes Pillow (up to 13) takes for samples."""
    tags = getattr(image, "tag_v2", {})
    raw = any(tile[0] == "raw" for tile in getattr(image, "tile", ()))
    return raw and image.mode == "RGB" and tags.get(PLANES) == 2 and 16 in tags.get(BITS_PER_SAMPLE, ())


def visible(image: Image.Image, bits: int) -> Plane | None:
    """Alpha, if one colour of 16 bits per sample is transparent, as in PNG files: Pillow would compare 8 bits."""
    if _in_raw_planes(image):
        raise BadImage("Pillow misreads TIFF files of 16 bits with a plane for each colour: save it compressed")
    colour = image.info.get("transparency")
    if image.mode.startswith("I;16") and isinstance(colour, int):
        hidden = np.asarray(image) == colour
    elif image.format == "PNG" and image.mode == "RGB" and isinstance(colour, tuple) and bits == 16:
        low = _low_bytes(image)
        hidden = (np.asarray(image).astype(np.uint16) << 8 | low == colour).all(axis=2)
    else:
        return None
    return np.where(hidden, np.uint8(0), np.uint8(255))


def _low_bytes(image: Image.Image) -> NDArray[np.uint8]:
    """The lower bytes of the colours in a PNG file that is open and not loaded; Pillow reads only the upper ones."""
    assert isinstance(image, ImageFile.ImageFile) and image.fp
    image.fp.seek(0)
    with Image.open(io.BytesIO(image.fp.read())) as again:
        assert isinstance(again, ImageFile.ImageFile)
        again.tile = [tile._replace(args="RGB;16L") for tile in again.tile]  # as if they came first
        return np.asarray(again)
