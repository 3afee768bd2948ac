"""Information about .lic files, without decoding the picture."""

from dataclasses import dataclass

from lic.codec.errors import ModelNotFound
from lic.codec.file.container import LATENTS, Container, FileLike, parse, read_bytes
from lic.codec.model.catalogue import find_model
from lic.codec.model.quality import last_position, quality_of, scale_of


@dataclass(frozen=True)
class Info:
    """The result of `read_info`."""

    size: tuple[int, int]  # width, height
    mode: str
    bytes: int
    bits_per_pixel: float
    position: int  # in 1/256 between lambda points
    quality: float | None  # from 1 to 100; None if its model is not installed, or has no such position
    model: str  # fingerprint, in hexadecimal
    version: int
    sections: dict[str, int]  # tag: bytes


def read_info(data: FileLike) -> Info:
    """Check a .lic file and describe it, without decoding the picture.

    Raises `NotALicFile`, `Truncated`, `Corrupt`, `UnsupportedVersion`.
    """
    raw = read_bytes(data)
    file = parse(raw)
    return Info(
        size=(file.width, file.height),
        mode=file.picture_mode,
        bytes=len(raw),
        bits_per_pixel=8 * len(raw) / (file.width * file.height),
        position=file.position,
        quality=_quality(file),
        model=file.fingerprint.hex(),
        version=1,
        sections={tag.decode("latin-1"): len(payload) for tag, payload in (*file.sections, (LATENTS, file.latents))},
    )


def _quality(file: Container) -> float | None:
    """The quality of a position, which needs the model's card."""
    try:
        card = find_model(fingerprint=file.fingerprint).card
    except ModelNotFound:
        return None
    if file.position > last_position(len(card["lambdas"])):
        return None  # decoding will say so, unless the file is lossless
    return quality_of(file.position, scale_of(card))
