"""Changes of a file's metadata, without decoding it: the latents stay as they are, byte for byte."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from lic.codec.errors import BadSetting
from lic.codec.file.container import METADATA, NOTES, PROFILE, FileLike, build, metadata_sections, parse, read_bytes
from lic.codec.picture import exif
from lic.codec.picture.metadata import kinds_of, read_metadata, without

NOTHING: Mapping[str, Any] = {}


def edit(
    data: FileLike,
    *,
    strip: bool | str | Collection[str] = False,
    rotate: int = 0,
    metadata: Mapping[str, Any] = NOTHING,
) -> bytes:
    """A .lic file with other metadata, and the same picture.

    `strip` leaves metadata out, all or the kinds that it names ("exif", "gps", "icc", "xmp", "dpi", "text"), but not
    how the picture lies. `metadata` ("exif", "icc_profile", "xmp", "dpi", "text") replaces the file's own; None removes
    it. `rotate` (90, 180 or 270 degrees, clockwise) changes how viewers show the picture, by the orientation in EXIF. A
    profile that the colours need cannot be stripped, because the pixels would have to be converted.

    Raises what `read_info` raises, and `BadSetting`.

    >>> import numpy as np
    >>> from lic import decode, encode
    >>> turned = edit(encode(np.zeros((20, 30, 3), np.uint8)), rotate=90)
    >>> decode(turned).getexif()[274]
    6
    """
    if rotate % 360 not in exif.TURNED:
        raise BadSetting(f"`rotate` must be 90, 180 or 270 degrees, not {rotate}")
    file = parse(read_bytes(data))
    notes = {name: payload for name, tag in NOTES.items() if (payload := file.section(tag)) is not None}
    before = file.metadata | notes
    orientation = exif.after_turn(before.get("exif", b""), rotate % 360)
    kinds = kinds_of(strip)
    if "icc" in kinds and _needs(before.get("icc_profile")):
        raise BadSetting("the colours need the file's profile: decode it, and encode it again with `strip`")
    after = without({k: v for k, v in before.items() if k not in metadata}, kinds) | read_metadata(metadata)
    now = exif.orientation(after.get("exif", b""))
    if ("exif" not in metadata and now != orientation) or rotate:
        after["exif"] = exif.with_orientation(after.get("exif", b""), orientation)
    ours = {*METADATA.values(), *NOTES.values(), PROFILE}
    others = [section for section in file.sections if section.tag not in ours]
    return build(replace(file, sections=(*metadata_sections(after), *others)))


def _needs(profile: bytes | None) -> bool:
    """Whether colours would change without this profile."""
    if not profile:
        return False
    from lic.codec.picture.colour import is_srgb  # not at the top: it needs numpy

    return not is_srgb(profile)
