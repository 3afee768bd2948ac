"""What travels with a picture's pixels: EXIF, ICC profile and XMP byte for byte, and resolution and text as values.

Without numpy, so that it starts fast.
"""

import math
from collections.abc import Mapping
from typing import Any

from PIL import Image

from lic.codec.errors import LicError
from lic.codec.file.container import METADATA, NOTES, Container, Reader, write_varint

PER_INCH = 100  # resolutions are stored in hundredths of a pixel per inch
MAX_RESOLUTION = 1e7
SKIPPED_TEXT = ("XML:com.adobe.xmp", "Raw profile type")  # XMP and EXIF, which have sections of their own


def read_metadata(info: Mapping[Any, Any]) -> dict[str, bytes]:
    """The payloads of metadata in Pillow's `info`, or in the arguments of `save`, by Pillow's names."""
    found = {}
    for name in METADATA:
        value = info.get(name) or b""
        value = value.tobytes() if isinstance(value, Image.Exif) else value
        found[name] = value.encode() if isinstance(value, str) else bytes(value)
    found["dpi"] = _pack_resolution(info.get("dpi"))
    found["text"] = _pack_text(info.get("text"))
    return {name: value for name, value in found.items() if value}


def info_of(file: Container) -> dict[str, Any]:
    """The metadata of a file as Pillow's `info` has it; `text` is a dictionary."""
    info: dict[str, Any] = dict(file.metadata)
    if dpi := _unpack_resolution(file.section(NOTES["dpi"]) or b""):
        info["dpi"] = dpi
    if text := _unpack_text(file.section(NOTES["text"]) or b""):
        info["text"] = text
    return info


def _pack_resolution(dpi: Any) -> bytes:
    """
    >>> _unpack_resolution(_pack_resolution((300, 300))), _unpack_resolution(_pack_resolution((72.009, 36)))
    ((300.0, 300.0), (72.01, 36.0))
    """
    try:
        across, down = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return b""
    if across == down == 1:  # Pillow's of a TIFF file without a resolution
        return b""
    if not all(math.isfinite(value) and 1 / PER_INCH <= value <= MAX_RESOLUTION for value in (across, down)):
        return b""
    numbers = [round(value * PER_INCH) for value in ((across,) if across == down else (across, down))]
    return b"".join(map(write_varint, numbers))


def _unpack_resolution(payload: bytes) -> tuple[float, float] | None:
    reader = Reader(payload)
    try:
        across = reader.varint()
        down = reader.varint() if reader.at < len(payload) else across
    except LicError:
        return None
    return across / PER_INCH, down / PER_INCH


def _pack_text(text: Any) -> bytes:
    """
    >>> _unpack_text(_pack_text({"Title": "A house", "Author": "Zoë"}))
    {'Title': 'A house', 'Author': 'Zoë'}
    """
    if not isinstance(text, Mapping):
        return b""
    kept = {key: value for key, value in text.items() if not key.startswith(SKIPPED_TEXT)}
    return "".join(f"{part}\0" for pair in kept.items() for part in (p.replace("\0", "") for p in pair)).encode()


def _unpack_text(payload: bytes) -> dict[str, str]:
    parts = payload.decode(errors="replace").split("\0")
    return dict(zip(parts[::2], parts[1::2], strict=False))
