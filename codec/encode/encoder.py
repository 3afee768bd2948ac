"""Encode pictures into the bytes of .lic files."""

import os
import warnings
from collections.abc import Collection, Mapping
from typing import Any

from lic.codec.encode import targets
from lic.codec.encode.pipeline import encode_lossless, encode_picture
from lic.codec.encode.settings import DEFAULT_EFFORT, DEFAULT_QUALITY, NAMES, Settings, Tune
from lic.codec.errors import BadSetting
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.picture.lossless import is_flat, looks_drawn
from lic.codec.picture.reading import ImageLike, Picture, read_image
from lic.codec.threads import finished_before_exit

SMALL = 2**16  # pixels, up to which any picture is tried lossless
HARDLY_SMALLER = 4  # times: few photographs become so much smaller lossless
LEAST_WARNED = 1000  # bytes of a lossless file that is worth mentioning
NO_METADATA: Mapping[str, Any] = {}


def encode(
    image: ImageLike,
    *,
    quality: float | None = None,
    lambda_: float | None = None,
    target_size: int | None = None,
    target_bpp: float | None = None,
    target_psnr: float | None = None,
    target_ms_ssim: float | None = None,
    effort: int = DEFAULT_EFFORT,
    tune: Tune | None = None,
    model: str | os.PathLike[str] | None = None,
    lossless: bool | None = None,
    strip: bool | str | Collection[str] = False,
    auto_orient: bool = False,
    max_side: int | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> bytes:
    """Encode a picture (Pillow image, uint8 array, tensor, path or file object) as the bytes of a .lic file.

    `quality` is a number from 1 (smallest file) to 100 (best picture), 65 by default; `lambda_`, within the range of
    the model's lambda points, says the same more precisely. Equal qualities make files of about equal size, whatever
    `tune` is, up to quality 85, the largest files of "ms-ssim". Or give a target: the largest file of at most
    `target_size` bytes (or `target_bpp` bits per pixel), metadata included, or the smallest file that reaches
    `target_psnr` decibels or `target_ms_ssim` (a similarity below 1, or decibels), measured on the encoded picture, in
    RGB or grey. A target out of reach raises `BadSetting`, which says what is possible.

    `tune` is "psnr" (the default) or "ms-ssim": the measure that the model was trained for. The model for MS-SSIM keeps
    more texture, at a lower PSNR. Or `model` is a name or the path of a .safetensors file.

    `effort` is how long to search for latents that take fewer bits at no larger a squared error: 1.75 rounds for
    each unit, each some three times as long as decoding, which itself does not change. The first rounds gain most.
    Before the last one, the filter of a model that has one is adjusted to the picture, where that pays. Whatever the
    effort, the file is not longer and the picture not worse than without. It needs a model trained for squared error.

    `lossless` keeps every pixel; no quality applies then. By default this is done where a picture
    has large flat areas or few colours, or up to 65,536 pixels, and its lossless file is the smaller one, or within
    a target size; False is never. A drawing that is encoded with a loss nevertheless causes a warning.

    Modes. Grey pictures (L, 1) decode as L, colours (RGB, RGBX, P, YCbCr, HSV, CMYK) as RGB, both by Pillow's
    formulas; CMYK with an ICC profile is converted to sRGB by that profile. RGB that is all grey is coded as grey.
    Transparency (RGBA, LA, P, or a colour named in the file) is kept exactly, as RGBA or LA; fully transparent
    pixels lose their colour unless `lossless`. Other modes (I, F, LAB) have no plain meaning in 8 bits and are refused,
    and so are files of high dynamic range. Of more than 8 bits per sample the upper 8 are kept, with a warning. Of a
    picture with several frames one is encoded, with a warning: the image's current one, a file's first.

    Size. `max_side` makes a picture smaller whose longer side has more pixels than that. No file is longer than the
    uncompressed pixels, the metadata, and 55 bytes: if latents would take more, the pixels are stored, at
    any quality. This happens for dots and thin strips, which fill only a small part of their 16 x 16 blocks.

    Metadata. EXIF, ICC profile and XMP are kept byte for byte, including the orientation in EXIF; resolution and the
    text in PNG files are kept, too. `auto_orient` turns the pixels upright instead. `strip` drops all of them, or those
    that it names ("exif", "gps", "icc", "xmp", "dpi", "text"); without EXIF the pixels are turned upright, without a
    profile they are converted to sRGB. Entries of `metadata` ("exif", "icc_profile", "xmp", "dpi", "text") replace the
    picture's own; None removes them.

    Raises `BadImage`, `BadSetting`, `ModelNotFound`, `BadModel`, and Pillow's errors for files that it cannot open.

    >>> import numpy as np
    >>> from lic import decode
    >>> rgba = np.full((20, 30, 4), 7, np.uint8)
    >>> decode(encode(rgba, quality=30)).mode
    'RGBA'
    >>> len(encode(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8), target_size=1000)) <= 1000
    True
    """
    # The parameters that are settings; `Settings` checks them.
    given = {name: value for name, value in locals().items() if name in NAMES}
    return encode_by(Settings(**given), image, metadata or {})


@finished_before_exit()
def encode_by(settings: Settings, image: ImageLike, metadata: Mapping[str, Any] = NO_METADATA) -> bytes:
    """The same, with the settings as one value."""
    frozen = find_model(settings.model, tune=settings.tune).load()
    frozen.check_effort(settings.effort)
    position = position_in(frozen, settings)
    picture = read_image(image, **settings.reading()).with_metadata(metadata)
    if settings.lossless:
        return encode_lossless(picture, frozen)
    limit = settings.size_limit(picture.pixels[..., 0].size)
    flat = settings.lossless is None and is_flat(picture.visible)
    tried = flat or (settings.lossless is None and _may_fit(picture, limit))
    lossless = encode_lossless(picture, frozen) if tried else None
    if lossless is not None and limit is not None and len(lossless) <= limit:
        return lossless  # no picture of this size is better
    try:
        lossy = _encode_to_goal(picture, frozen, position, settings)
    except BadSetting:  # a target out of reach, for latents
        if lossless is None or limit is not None:
            raise
        return lossless
    if lossless is None or len(lossless) > len(lossy):
        if lossless is not None and flat and len(lossless) > LEAST_WARNED and looks_drawn(picture.visible):
            warnings.warn(
                "this looks like a drawing or a screenshot, of which details are lost: `lossless` keeps it exactly, "
                f"in {len(lossless) / len(lossy):.1f} times as many bytes",
                stacklevel=3,
            )
        return lossy
    return lossless


def _may_fit(picture: Picture, limit: int | None) -> bool:
    """Whether to try a picture lossless that is not flat: it is small, or may fit into `limit` bytes."""
    return picture.pixels[..., 0].size <= SMALL or (limit is not None and limit * HARDLY_SMALLER >= picture.raw_size)


def position_in(model: FrozenModel, settings: Settings) -> int:
    """The position of a model that the settings name; that of the default quality if they name a target."""
    if settings.lambda_ is not None:
        return model.position_of_lambda(settings.lambda_)
    return model.position(DEFAULT_QUALITY if settings.quality is None else settings.quality)


def _encode_to_goal(picture: Picture, model: FrozenModel, position: int, settings: Settings) -> bytes:
    size = settings.size_limit(picture.pixels[..., 0].size)
    if size is not None:
        return targets.encode_to_size(picture, model, size, settings.effort)
    if settings.target_psnr is not None:
        return targets.encode_to_psnr(picture, model, settings.target_psnr, settings.effort)
    if settings.target_ms_ssim is not None:
        return targets.encode_to_ms_ssim(picture, model, settings.target_ms_ssim, settings.effort)
    return encode_picture(picture, model, position, settings.effort)
