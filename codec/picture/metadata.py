"""Metadata of pictures: EXIF, ICC profile and XMP byte for byte, and resolution and text as values.

Without numpy, so that it starts fast.
"""

import math
import warnings
from collections.abc import Collection, Mapping
from types import NoneType
from typing import Any

from PIL import Image

from lic.codec.errors import BadSetting, LicError
from lic.codec.file.container import METADATA, NOTES, Container, Reader, write_varint
from lic.codec.picture import exif

KINDS = ("exif", "gps", "icc", "xmp", "dpi", "text")  # of metadata, as people name them
PER_INCH = 100  # resolutions are stored in hundredths of a pixel per inch
MAX_RESOLUTION = 1e7
MAX_BYTES = 2**24  # of EXIF, an ICC profile or XMP: larger ones fit into hardly any other file
MAX_TEXT = 2**20  # bytes, in all
NAMES = {"exif": "EXIF", "icc_profile": "colour profile", "xmp": "XMP"}
PAYLOADS = (bytes, bytearray, memoryview, str, Image.Exif, NoneType)  # the types of metadata
SKIPPED_TEXT = ("XML:com.adobe.xmp", "Raw profile type")  # XMP and EXIF, which have sections of their own


def read_metadata(info: Mapping[Any, Any]) -> dict[str, bytes]:
    """The payloads of metadata in Pillow's `info`, or in the arguments of `save`, by Pillow's names."""
    found = {name: _payload(info.get(name), name) for name in METADATA}
    found["dpi"] = _pack_resolution(info.get("dpi"))
    found["text"] = _pack_text(info.get("text"))
    return {name: value for name, value in found.items() if value}


def drop_oddities(info: dict[Any, Any]) -> None:
    """Leave out EXIF, colour profile or XMP of a wrong type, with a warning: Pillow would fail where it uses them.

    A TIFF file, for one, may have a number there, or a fraction.
    """
    for name in [name for name in METADATA if name in info]:
        if isinstance(info[name], str):
            info[name] = info[name].encode(errors="replace")
        if not isinstance(info[name], PAYLOADS):
            kind = type(info.pop(name)).__name__
            warnings.warn(f"the picture's {NAMES[name]} is of type {kind}: left out", stacklevel=5)


def _payload(value: Any, name: str) -> bytes:
    if isinstance(value, Image.Exif):
        value = value.tobytes()
    if isinstance(value, str):
        value = value.encode(errors="replace")
    payload = bytes(value or b"")
    if len(payload) > MAX_BYTES:
        warnings.warn(f"the picture's {NAMES[name]} has more than {MAX_BYTES:,} bytes: left out", stacklevel=5)
        return b""
    return payload


def kinds_of(strip: bool | str | Collection[str]) -> frozenset[str]:
    """The kinds of metadata to leave out; `strip` is True for all, False for none, or has names.

    >>> sorted(kinds_of("gps,xmp")), kinds_of(False)
    (['gps', 'xmp'], frozenset())
    """
    if isinstance(strip, bool):
        return frozenset(KINDS if strip else ())
    names = frozenset(strip.split(",") if isinstance(strip, str) else strip)
    if names == {"all"}:
        return frozenset(KINDS)
    if unknown := sorted(names - set(KINDS)):
        raise BadSetting(f"`strip` knows no {', '.join(unknown)}: choose from {', '.join(KINDS)}")
    return names


def without(metadata: Mapping[str, bytes], kinds: Collection[str]) -> dict[str, bytes]:
    """Metadata (payloads by the names of `read_metadata`) without these kinds."""
    left = {name: value for name, value in metadata.items() if {"icc_profile": "icc"}.get(name, name) not in kinds}
    if "gps" in kinds:
        for name, clean in (("exif", exif.without_gps), ("xmp", exif.xmp_without_gps)):
            if name in left:
                left[name] = clean(left[name])
    return {name: value for name, value in left.items() if value}


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
    if not all(1 <= value <= MAX_RESOLUTION * PER_INCH for value in (across, down)):
        return None
    return across / PER_INCH, down / PER_INCH


def _pack_text(text: Any) -> bytes:
    """
    >>> _unpack_text(_pack_text({"Title": "A house", "Author": "Zoë"}))
    {'Title': 'A house', 'Author': 'Zoë'}
    """
    if not isinstance(text, Mapping):
        return b""
    pairs = (pair for pair in text.items() if all(isinstance(part, str) for part in pair))
    kept = [part.replace("\0", "") for pair in pairs if not pair[0].startswith(SKIPPED_TEXT) for part in pair]
    payload = "".join(f"{part}\0" for part in kept).encode(errors="replace")
    if len(payload) > MAX_TEXT:
        warnings.warn(f"the picture's text has more than {MAX_TEXT:,} bytes: left out", stacklevel=5)
        return b""
    return payload


def _unpack_text(payload: bytes) -> dict[str, str]:
    try:
        parts = payload.decode().split("\0") if len(payload) <= MAX_TEXT else []
    except UnicodeDecodeError:
        return {}
    return dict(zip(parts[::2], parts[1::2], strict=False))
