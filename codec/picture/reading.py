"""Pictures of all kinds, as the arrays that the encoder works on."""

import contextlib
import os
import sys
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lic.codec.errors import BadImage, BadSetting, Lessened, LicError
from lic.codec.file.container import ALPHA, MAX_SIDE, METADATA, NOTES, STORED, WEBP, Section, metadata_sections
from lic.codec.picture import deep, exif
from lic.codec.picture.alpha import Plane, fill_hidden, pack_alpha
from lic.codec.picture.colour import cmyk_to_srgb, to_srgb
from lic.codec.picture.formats import ONE_PICTURE, open_picture
from lic.codec.picture.headers import Header, read_header
from lic.codec.picture.lossless import pack_webp
from lic.codec.picture.metadata import PAYLOADS, drop_oddities, kinds_of, read_metadata, without
from lic.codec.picture.pixels import Pixels
from lic.models.constants import PEAK

if TYPE_CHECKING:
    from torch import Tensor


class TensorLike(Protocol):
    """A tensor of torch, for type checkers: where torch is missing, they would take anything for one."""

    def detach(self) -> Any: ...
    def is_floating_point(self) -> bool: ...


ImageLike = Union[Image.Image, NDArray[np.uint8], TensorLike, str, "os.PathLike[str]", IO[bytes]]

TAGS = METADATA | NOTES
ARRAYS = {2: "L", 3: "RGB", 4: "RGBA"}  # an array's last dimension tells its mode
IPTC = 0x0404  # among Photoshop's resources in JPEG files
GREY = ("L", "1", "LA", "La")
COLOUR = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "YCbCr", "HSV", "CMYK")  # by Pillow's fixed formulas


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels, transparency and metadata."""

    pixels: Pixels
    mode: str = "RGB"  # or "L" for grey
    alpha: Plane | None = None
    metadata: dict[str, bytes] = field(default_factory=dict)  # payloads of sections, by the names in TAGS
    as_rgb: bool = False  # the decoded picture has three channels, though it is grey
    keep_hidden: bool = False  # colours under full transparency matter

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
        """The pixels, those that are fully transparent in black unless they are to be kept."""
        return self.pixels if self.alpha is None or self.keep_hidden else self.pixels * (self.alpha > 0)[:, :, None]

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

    def webp_sections(self) -> tuple[Section, ...] | None:
        """The same, with pixels as a lossless WebP file; None where that is not possible."""
        packed = pack_webp(self.visible)
        return None if packed is None else (*self.sections(), Section(WEBP, packed))

    def _metadata_sections(self) -> list[Section]:
        return metadata_sections(self.metadata)

    @property
    def raw_size(self) -> int:
        """Bytes of the uncompressed pixels and alpha."""
        height, width = self.pixels.shape[:2]
        return height * width * (len(self.mode) + (self.alpha is not None))


class _Wishes(NamedTuple):
    """The options of `read_image`."""

    strip: frozenset[str]
    auto_orient: bool
    max_side: int | None
    lossless: bool


def read_image(
    source: ImageLike,
    *,
    strip: bool | str | Collection[str] = False,
    auto_orient: bool = False,
    max_side: int | None = None,
    lossless: bool = False,
) -> Picture:
    """A picture ready to encode, with its metadata but those to `strip`, made smaller if a side exceeds `max_side`.

    `auto_orient` turns it as EXIF says. So does the removal of EXIF, and that of the colour profile converts colours.
    If `lossless`, colours are kept under full transparency, too.
    """
    wishes = _Wishes(kinds_of(strip), auto_orient, max_side, lossless)
    torch = sys.modules.get("torch")  # whoever has a tensor has imported it
    if torch and isinstance(source, torch.Tensor):
        source = _array_of(source)
    if isinstance(source, np.ndarray):
        picture = _from_array(source, keep_hidden=lossless)
        if max_side is None or max(source.shape[:2]) <= max_side:
            return picture
        source = Image.fromarray(source)
    if isinstance(source, Image.Image):
        return _from_pillow(source, wishes)
    if not (isinstance(source, (str, os.PathLike)) or hasattr(source, "read")):
        if isinstance(source, (bytes, bytearray, memoryview)):
            raise BadImage("cannot encode bytes, which may be a file or pixels: give a file's bytes as io.BytesIO(...)")
        raise BadImage(
            f"cannot encode a {type(source).__name__}: give a Pillow image, a uint8 array, a tensor, a path or a file "
            "object, and several of them to encode_batch()"
        )
    try:
        with open_picture(source) as image:
            return _from_pillow(image, wishes)
    except (LicError, OSError, MemoryError, Image.DecompressionBombError):
        raise
    except Exception as error:  # on damaged files, Pillow raises errors of many kinds
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise BadImage(f"the picture does not decode ({text}): get a fresh copy of it") from error


def _from_array(
    array: NDArray[np.uint8], metadata: dict[str, bytes] | None = None, *, keep_hidden: bool = False
) -> Picture:
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
    colour = array.shape[2:] == (3,)
    pixels = array if colour else np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    if alpha is not None and not keep_hidden:
        pixels = fill_hidden(pixels, alpha)
    grey = not colour or _is_grey(pixels)
    return Picture(pixels, "L" if grey else "RGB", alpha, metadata or {}, colour and grey, keep_hidden)


def _is_grey(pixels: Pixels) -> bool:
    """Whether all pixels have R = G = B; most pictures show in their first row that they have not."""
    return all(
        (rows[..., 0] == rows[..., 1]).all() and (rows[..., 1] == rows[..., 2]).all() for rows in (pixels[:1], pixels)
    )


def _array_of(tensor: "Tensor") -> NDArray[np.uint8]:
    """A picture of channels x height x width, uint8 or float in 0..1, as an array."""
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
    return np.ascontiguousarray(array[:, :, 0] if array.shape[2] == 1 else array)


def _from_pillow(image: Image.Image, wishes: _Wishes) -> Picture:
    drop_oddities(image.info)
    if getattr(image, "n_frames", 1) > 1 and image.format not in ONE_PICTURE:
        text = f"the picture has {getattr(image, 'n_frames', 1)} frames, only number {image.tell() + 1} is encoded"
        warnings.warn(text, stacklevel=4)
    header = read_header(image)  # before Pillow loads the picture and forgets
    points = header.colours
    if points and points.hdr and ("icc_profile" not in image.info or image.format == "PNG"):
        raise BadImage(
            f"the picture has a high dynamic range ({points.hdr}), which 8 bits cannot hold: convert it to SDR first, "
            "for example by ffmpeg's filter tonemap"
        )
    if header.bits > 8:
        text = f"the picture has {header.bits} bits per sample, the upper 8 are kept"
        warnings.warn(text, Lessened, stacklevel=4)
    visible = deep.visible(image, header.bits)
    metadata = _metadata_of(image, header)
    if IPTC in (image.info.get("photoshop") or {}) and not {"xmp"} & {*metadata, *wishes.strip}:
        warnings.warn("the picture's IPTC block is left out: write it as XMP to keep it", stacklevel=4)
    image = deep.upper_bits(image)
    if visible is not None:
        image = image.copy()
        del image.info["transparency"]
        image.putalpha(Image.fromarray(visible))
    profile = metadata.get("icc_profile", b"")
    if image.mode == "CMYK":
        if wishes.lossless:
            warnings.warn("CMYK is converted to RGB, which changes colours a little", Lessened, stacklevel=4)
        if profile:
            image = cmyk_to_srgb(image)
            del metadata["icc_profile"]  # it describes CMYK, not sRGB
            profile = b""
    image = _to_known_mode(image)
    orientation = exif.orientation(metadata.get("exif", b""))
    if (wishes.auto_orient or "exif" in wishes.strip) and orientation in exif.TURNS:
        image = image.transpose(exif.TURNS[orientation])
        metadata["exif"] = exif.with_orientation(metadata["exif"], exif.UPRIGHT)
        if "xmp" in metadata:
            metadata["xmp"] = exif.xmp_upright(metadata["xmp"])
    if "icc" in wishes.strip:
        image = to_srgb(image, profile)
    if wishes.max_side is not None:
        image.thumbnail((wishes.max_side, wishes.max_side), Image.Resampling.LANCZOS)
    return _from_array(np.asarray(image), without(metadata, wishes.strip), keep_hidden=wishes.lossless)


def _metadata_of(image: Image.Image, header: Header) -> dict[str, bytes]:
    """The picture's metadata. TIFF has no EXIF of its own; the orientation in JPEG XL's EXIF does not count."""
    info = image.info | {"text": getattr(image, "text", image.info.get("text"))}
    if image.format == "TIFF":
        image.load()  # which turns it upright
        with contextlib.suppress(Exception):  # for tags that it does not expect, Pillow raises errors of many kinds
            info["exif"] = exif.of_tiff(image)
    elif image.format == "JXL" and not getattr(image, "jpeg", False):
        info["exif"] = exif.with_orientation(info["exif"], exif.UPRIGHT) if info.get("exif") else b""
        info["xmp"] = header.xmp
    elif not info.get("exif") and "Raw profile type exif" in info:  # as ImageMagick wrote it into PNG files
        with contextlib.suppress(Exception):
            info["exif"] = image.getexif().tobytes()
    if header.colours and (not info.get("icc_profile") or image.format == "PNG"):
        info["icc_profile"] = header.colours.profile() or info.get("icc_profile")
    return read_metadata(info)


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
