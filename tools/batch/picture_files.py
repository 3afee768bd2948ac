"""Conversion between the bytes of picture files and of .lic files."""

import io
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from lic.codec.errors import BadImage, BadSetting
from lic.codec.file.container import METADATA
from lic.codec.file.geometry import Region
from lic.codec.settings import Settings
from lic.tools.batch.storage import STANDARD


def readable_extensions() -> frozenset[str]:
    """The extensions of pictures that Pillow reads, except .lic."""
    extensions = Image.registered_extensions()
    return frozenset(suffix for suffix, kind in extensions.items() if kind in Image.OPEN and suffix != ".lic")


def encode_bytes(data: bytes, _target: str, settings: Settings) -> bytes:
    """A picture file's bytes to a .lic file's bytes."""
    from lic.codec.encoder import encode_by

    try:
        return encode_by(settings, io.BytesIO(data))
    except UnidentifiedImageError as error:
        raise BadImage("not a picture that Pillow can read") from error
    except (SyntaxError, Image.DecompressionBombError) as error:
        raise BadImage(str(error)) from error


def decode_bytes(
    data: bytes, target: str, region: Region | None = None, max_pixels: int | None = None, model: str | None = None
) -> bytes:
    """A .lic file's bytes to those of a picture file of `target`'s kind."""
    from lic.codec.decoder import decode

    suffix = ".png" if target == STANDARD else Path(target).suffix.lower()
    kind = Image.registered_extensions().get(suffix)
    if kind is None or kind not in Image.SAVE:
        raise BadSetting(f"cannot write {suffix or 'a file without extension'}: use .png or another picture extension")
    image = decode(data, region=region, max_pixels=max_pixels, model=model)
    out = io.BytesIO()
    image.save(out, kind, **_metadata(image.info, kind))
    return out.getvalue()


def _metadata(info: dict[Any, Any], kind: str) -> dict[str, Any]:
    """EXIF, ICC profile and XMP as options of Pillow's `save`."""
    options = {name: info[name] for name in METADATA if name in info}
    if kind == "PNG" and "xmp" in options:
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", options.pop("xmp"))
    return options
