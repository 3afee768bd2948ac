"""Pictures as people hand them over, and the arrays that the transforms work on."""

import os
from typing import IO, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lic.codec.errors import BadImage

Pixels = NDArray[np.uint8]  # H x W x 3
ImageLike = Union[Image.Image, NDArray[np.uint8], str, "os.PathLike[str]", IO[bytes]]

MULTIPLE = 16  # the transforms shrink by this; see lic.models.transforms.DOWNSAMPLING


def read_image(source: ImageLike) -> tuple[Pixels, str]:
    """Pixels as H x W x 3, and the mode ("RGB", or "L" for grey) to decode to."""
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _from_pillow(source)
    with Image.open(source) as image:
        return _from_pillow(image)


def _from_array(array: NDArray[np.uint8]) -> tuple[Pixels, str]:
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise BadImage(
            f"cannot encode an array of {array.dtype} with shape {array.shape}: "
            "give uint8 values as height x width (grey) or height x width x 3 (RGB)"
        )
    if 0 in array.shape:
        raise BadImage(f"cannot encode an empty array, of shape {array.shape}")
    if array.ndim == 2:
        return np.repeat(array[:, :, None], 3, axis=2), "L"
    return array, "RGB"


def _from_pillow(image: Image.Image) -> tuple[Pixels, str]:
    if image.mode in ("L", "1"):
        return _from_array(np.array(image.convert("L")))
    if image.has_transparency_data:
        raise BadImage(f"cannot encode transparency (mode {image.mode}) yet: flatten the picture with convert('RGB')")
    if image.mode in ("RGB", "P", "CMYK", "YCbCr"):
        return _from_array(np.array(image.convert("RGB")))
    raise BadImage(f"cannot encode a picture of mode {image.mode}: convert it to RGB or L first")


def pad(pixels: Pixels) -> Pixels:
    """Repeat the last row and column until both sides are multiples of 16."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, -height % MULTIPLE), (0, -width % MULTIPLE), (0, 0)), mode="edge")


def latent_size(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of the latents of a picture."""
    return -(-height // MULTIPLE), -(-width // MULTIPLE)


def to_pillow(pixels: Pixels, width: int, height: int, mode: str) -> Image.Image:
    """Crop the padding off and give the picture its mode back."""
    image = Image.fromarray(np.ascontiguousarray(pixels[:height, :width]))
    return image.convert("L") if mode == "L" else image
