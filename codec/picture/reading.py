"""Pictures of all kinds, as the arrays that the encoder works on."""

import contextlib
import io
import os
import struct
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from lic.codec.errors import BadImage, BadSetting, LicError
from lic.codec.file.container import ALPHA, LOSSLESS, MAX_SIDE, METADATA, NOTES, STORED, Section
from lic.codec.picture.alpha import Plane, fill_hidden, pack_alpha
from lic.codec.picture.formats import ONE_PICTURE, register_plugins
from lic.codec.picture.lossless import pack_lossless
from lic.codec.picture.metadata import PAYLOADS, drop_oddities, read_metadata
from lic.codec.picture.pixels import Pixels
from lic.models.constants import PEAK

if TYPE_CHECKING:
    from torch import Tensor

ImageLike = Union[Image.Image, NDArray[np.uint8], "Tensor", str, "os.PathLike[str]", IO[bytes]]

TAGS = METADATA | NOTES
ARRAYS = {2: "L", 3: "RGB", 4: "RGBA"}  # an array's last dimension tells its mode
GREY = ("L", "1", "LA", "La")
COLOUR = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "YCbCr", "HSV", "CMYK")  # by Pillow's fixed formulas
BITS_PER_SAMPLE, PLANES = 258, 284  # tags of TIFF


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels, transparency and metadata."""

    pixels: Pixels
    mode: str = "RGB"  # or "L" for grey: the mode of the decoded picture
    alpha: Plane | None = None
    metadata: dict[str, bytes] = field(default_factory=dict)  # payloads of sections, by the names in TAGS

    def with_metadata(self, given: Mapping[str, Any]) -> "Picture":
        """The same picture, with the given metadata instead of its own."""
        if unknown := given.keys() - TAGS.keys():
            raise BadSetting(f"no metadata is called {', '.join(unknown)}: choose from {', '.join(TAGS)}")
        for name, value in given.items():
            if name in METADATA and not isinstance(value, PAYLOADS):
                raise BadSetting(f"{name} in metadata is of type {type(value).__name__}: give bytes")
        others = {name: payload for name, payload in self.metadata.items() if name not in given}
        return replace(self, metadata=others | read_metadata(given))

    @property
    def visible(self) -> Pixels:
        """The pixels, those that are fully transparent in black."""
        return self.pixels if self.alpha is None else self.pixels * (self.alpha > 0)[:, :, None]

    @cached_property
    def packed_alpha(self) -> bytes | None:
        return None if self.alpha is None else pack_alpha(self.alpha)

    def sections(self) -> tuple[Section, ...]:
        """The sections of a file before the latents."""
        alpha = [] if self.packed_alpha is None else [Section(ALPHA, self.packed_alpha)]
        return (*self._metadata_sections(), *alpha)

    def stored_sections(self) -> tuple[Section, ...]:
        """The sections of a file without latents, with uncompressed pixels and alpha."""
        alpha = [] if self.alpha is None else [Section(ALPHA, self.alpha.tobytes())]
        return (*self._metadata_sections(), *alpha, Section(STORED, self.pixels[:, :, : len(self.mode)].tobytes()))

    def lossless_sections(self) -> tuple[Section, ...] | None:
        """The same, with pixels compressed without loss; None where that is not possible."""
        packed = pack_lossless(self.visible)
        return None if packed is None else (*self.sections(), Section(LOSSLESS, packed))

    def _metadata_sections(self) -> list[Section]:
        return [Section(tag, self.metadata[name]) for name, tag in TAGS.items() if name in self.metadata]

    @property
    def raw_size(self) -> int:
        """Bytes of the uncompressed pixels and alpha."""
        height, width = self.pixels.shape[:2]
        return height * width * (len(self.mode) + (self.alpha is not None))


def read_image(source: ImageLike, *, strip: bool = False, auto_orient: bool = False) -> Picture:
    """A picture ready to encode, with its metadata unless `strip`.

    `auto_orient` turns it as EXIF says. So does `strip`, because it removes that information.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    torch = sys.modules.get("torch")  # whoever has a tensor has imported it
    if torch and isinstance(source, torch.Tensor):
        return _from_tensor(source)
    if isinstance(source, Image.Image):
        return _from_pillow(source, strip=strip, auto_orient=auto_orient)
    if not (isinstance(source, (str, os.PathLike)) or hasattr(source, "read")):
        raise BadImage(
            f"cannot encode a {type(source).__name__}: give a Pillow image, a uint8 array, a tensor, a path or a file "
            "object, and several of them to encode_batch()"
        )
    try:
        with _open(source) as image:
            return _from_pillow(image, strip=strip, auto_orient=auto_orient)
    except (LicError, OSError, MemoryError, Image.DecompressionBombError):
        raise
    except Exception as error:  # on damaged files, Pillow raises errors of many kinds
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise BadImage(f"the picture does not decode ({text}): get a fresh copy of it") from error


def _open(source: Any) -> Image.Image:
    try:
        return Image.open(source)
    except UnidentifiedImageError:
        register_plugins()
        return Image.open(source)


def _from_array(array: NDArray[np.uint8], metadata: dict[str, bytes] | None = None) -> Picture:
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in ARRAYS)):
        raise BadImage(
            f"cannot encode an array of {array.dtype} with shape {array.shape}: give uint8 values as "
            "height x width (grey), or height x width x 3 (RGB), x 4 (RGBA) or x 2 (grey and alpha)"
        )
    if 0 in array.shape:
        raise BadImage(f"cannot encode a picture without pixels, of shape {array.shape}")
    if max(array.shape) > MAX_SIDE:
        raise BadImage(f"cannot encode a picture of {array.shape[1]} x {array.shape[0]}: sides go up to {MAX_SIDE}")
    alpha = None
    if array.ndim == 3 and array.shape[2] != 3:
        array, alpha = array[:, :, :-1], array[:, :, -1]
    mode = "RGB" if array.shape[2:] == (3,) else "L"
    pixels = array if mode == "RGB" else np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    return Picture(pixels if alpha is None else fill_hidden(pixels, alpha), mode, alpha, metadata or {})


def _from_tensor(tensor: "Tensor") -> Picture:
    """A picture of channels x height x width, uint8 or float in 0..1."""
    if tensor.ndim != 3:
        raise BadImage(
            f"cannot encode a tensor of shape {tuple(tensor.shape)} as one picture: give channels x height x width, "
            "and a batch of them to encode_batch()"
        )
    if tensor.is_floating_point():
        if not ((tensor >= 0) & (tensor <= 1)).all():
            raise BadImage("cannot encode a tensor with values beyond 0..1: clamp it, or divide grey levels by 255")
        tensor = (tensor.float() * PEAK).round().byte()
    array = tensor.detach().cpu().permute(1, 2, 0).numpy()
    return _from_array(array[:, :, 0] if array.shape[2] == 1 else array)


def _from_pillow(image: Image.Image, *, strip: bool, auto_orient: bool) -> Picture:
    drop_oddities(image.info)
    if getattr(image, "n_frames", 1) > 1 and image.format not in ONE_PICTURE:
        text = f"the picture has {getattr(image, 'n_frames', 1)} frames, only number {image.tell() + 1} is encoded"
        warnings.warn(text, stacklevel=4)
    if image.mode.startswith("I;16") or _has_16_bits(image):  # before Pillow loads it and forgets
        warnings.warn("the picture has 16 bits per sample, the upper 8 are kept", stacklevel=4)
    if _in_raw_planes_of_16_bits(image):
        raise BadImage("Pillow misreads TIFF files of 16 bits with a plane for each colour: save it compressed")
    visible = _visible_at_16_bits(image)
    info = image.info | {"text": getattr(image, "text", image.info.get("text"))}
    if image.mode.startswith("I;16"):  # grey, which Pillow would clip; of colours it has kept the upper 8 bits
        upper = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        upper.info = {**image.info}
        image = upper
    if visible is not None:
        image = image.copy()
        del image.info["transparency"]
        image.putalpha(Image.fromarray(visible))
    if auto_orient or strip:
        with contextlib.suppress(SyntaxError, ValueError, struct.error):  # damaged EXIF is ignored
            image = ImageOps.exif_transpose(image)
    metadata = {} if strip else read_metadata(info | image.info)
    if image.mode == "CMYK" and "icc_profile" in image.info:
        image = _to_srgb(image)
        metadata.pop("icc_profile", None)  # it describes CMYK, not sRGB
    return _from_array(np.asarray(_to_known_mode(image)), metadata)


def _has_16_bits(image: Image.Image) -> bool:
    """Whether a picture's file has them: a TIFF file by its tags, others by what they ask of Pillow's decoders."""
    tags = getattr(image, "tag_v2", {})
    found = (str(tile) for tile in getattr(image, "tile", ()))
    return 16 in tags.get(BITS_PER_SAMPLE, ()) or any(";16" in tile and "BGR;16" not in tile for tile in found)


def _in_raw_planes_of_16_bits(image: Image.Image) -> bool:
    """Whether it is a TIFF file of a kind whose bytes Pillow (up to 13) takes for samples."""
    tags = getattr(image, "tag_v2", {})
    raw = any(tile[0] == "raw" for tile in getattr(image, "tile", ()))
    return raw and image.mode == "RGB" and tags.get(PLANES) == 2 and 16 in tags.get(BITS_PER_SAMPLE, ())


def _visible_at_16_bits(image: Image.Image) -> Plane | None:
    """Alpha, if one colour of 16 bits per sample is transparent, as in PNG files: Pillow would compare 8 bits."""
    colour = image.info.get("transparency")
    if image.mode.startswith("I;16") and isinstance(colour, int):
        hidden = np.asarray(image) == colour
    elif image.format == "PNG" and image.mode == "RGB" and isinstance(colour, tuple) and _has_16_bits(image):
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


def _to_known_mode(image: Image.Image) -> Image.Image:
    """The picture in L, LA, RGB or RGBA."""
    if image.mode not in GREY + COLOUR:
        raise BadImage(
            f"cannot encode a picture of mode {image.mode} without a loss that should be yours to choose: "
            "convert it to 8 bits, RGB or grey, first"
        )
    mode = "L" if image.mode in GREY else "RGB"
    if image.has_transparency_data:
        mode = "LA" if mode == "L" else "RGBA"
    return image.convert(mode)


def _to_srgb(image: Image.Image) -> Image.Image:
    """A CMYK picture in sRGB, converted by its ICC profile."""
    try:
        from PIL import ImageCms

        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImportError, OSError, ImageCms.PyCMSError) as error:
        raise BadImage(
            f"cannot convert CMYK by the picture's ICC profile ({error}): convert it to RGB first"
        ) from error
    assert converted is not None  # it is None only for a conversion in place
    return converted
