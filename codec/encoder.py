"""Encode pictures into the bytes of .lic files."""

import os
from collections.abc import Mapping

from PIL import Image

from lic.codec import rate_control
from lic.codec.fixed_quality import encode_picture
from lic.codec.model.loader import get_model
from lic.codec.picture.image import ImageLike, read_image
from lic.codec.settings import DEFAULT_EFFORT, DEFAULT_QUALITY, Settings

NO_METADATA: Mapping[str, bytes] = {}


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
    tune: str | None = None,
    model: str | os.PathLike[str] | None = None,
    strip: bool = False,
    auto_orient: bool = False,
    metadata: Mapping[str, "bytes | str | Image.Exif | None"] | None = None,
) -> bytes:
    """Encode a picture (Pillow image, uint8 array, path or file object) as the bytes of a .lic file.

    `quality` is a number from 1 (smallest file) to 100 (best picture), 50 by default; `lambda_` is one of the model's
    lambda points instead. Or give a target: the largest file of at most `target_size` bytes (or `target_bpp` bits per
    pixel), metadata included, or the smallest file that reaches `target_psnr` decibels or `target_ms_ssim` (a
    similarity below 1, or decibels), measured on the encoded picture, in RGB or grey. A target out of reach raises
    `BadSetting`, which says what is possible.

    `tune` is "psnr" (the default) or "ms-ssim": the measure that the model was trained for. The model for MS-SSIM keeps
    more texture, at a lower PSNR. Or `model` is a name or the path of a .safetensors file.

    `effort` is how long to search for latents that take fewer bits at no larger a squared error: two rounds for each
    unit, each some three times as long as decoding, which itself does not change. The first rounds gain most. Whatever
    the effort, the file is not longer and the picture not worse than without. It needs a model trained for squared
    error.

    Modes. Grey pictures (L, 1) decode as L, colours (RGB, RGBX, P, YCbCr, HSV, CMYK) as RGB, both by Pillow's
    formulas; CMYK with an ICC profile is converted to sRGB by that profile. Transparency (RGBA, LA, P, or a colour
    named in the file) is kept without loss, as RGBA or LA; fully transparent pixels lose their colour. Other modes (I,
    I;16, F, LAB) need more than 8 bits and are refused. Of a picture with several frames one is encoded, with a
    warning: the image's current one, a file's first.

    Size. No file is longer than the uncompressed pixels, the metadata, and 55 bytes: if latents would take more, the
    pixels are stored without loss, at any quality. This happens for dots and thin strips, which fill only a small part
    of their 16 x 16 blocks.

    Metadata. EXIF, ICC profile and XMP are kept byte for byte, including the orientation in EXIF. `auto_orient` turns
    the pixels upright instead. `strip` drops all three, after turning the pixels. Entries of `metadata` ("exif",
    "icc_profile", "xmp") replace the picture's own; None removes them.

    Raises `BadImage`, `BadSetting`, `ModelNotFound`, `BadModel`, and Pillow's errors for files that it cannot open.

    >>> import numpy as np
    >>> from lic import decode
    >>> rgba = np.full((20, 30, 4), 7, np.uint8)
    >>> decode(encode(rgba, quality=30)).mode
    'RGBA'
    >>> len(encode(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8), target_size=1000)) <= 1000
    True
    """
    settings = Settings(
        quality=quality,
        lambda_=lambda_,
        target_size=target_size,
        target_bpp=target_bpp,
        target_psnr=target_psnr,
        target_ms_ssim=target_ms_ssim,
        effort=effort,
        tune=tune,
        model=model,
        strip=strip,
        auto_orient=auto_orient,
    )
    return encode_by(settings, image, metadata or {})


def encode_by(
    settings: Settings, image: ImageLike, metadata: Mapping[str, bytes | str | Image.Exif | None] = NO_METADATA
) -> bytes:
    """`encode`, with its settings as a value."""
    frozen = get_model(settings.model, settings.tune)
    frozen.check_effort(settings.effort)
    if settings.lambda_ is not None:
        position = frozen.position_of_lambda(settings.lambda_)
    else:
        position = frozen.position(DEFAULT_QUALITY if settings.quality is None else settings.quality)
    picture = read_image(image, strip=settings.strip, auto_orient=settings.auto_orient).with_metadata(metadata)
    target_size = settings.target_size
    if settings.target_bpp is not None:
        target_size = int(settings.target_bpp * picture.pixels[..., 0].size / 8)
    if target_size is not None:
        return rate_control.encode_to_size(picture, frozen, target_size, settings.effort)
    if settings.target_psnr is not None:
        return rate_control.encode_to_psnr(picture, frozen, settings.target_psnr, settings.effort)
    if settings.target_ms_ssim is not None:
        return rate_control.encode_to_ms_ssim(picture, frozen, settings.target_ms_ssim, settings.effort)
    return encode_picture(picture, frozen, position, settings.effort)
