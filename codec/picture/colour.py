"""Colours: conversion to sRGB by ICC profiles, and profiles for colours that files name by code points (CICP)."""

import io
import struct
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from lic.codec.errors import BadImage

ALIKE = 2  # grey levels: profiles that differ by less are the same to the eye
D50 = (0.9642, 1.0, 0.8249)  # the white of ICC profiles
D65 = (0.3127, 0.3290)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # the parameters g, a, b, c, d of ICC's curves

# Code points of ITU-T H.273: primaries as x, y of red, green, blue and white.
BT709, UNSPECIFIED = 1, 2
PRIMARIES = {
    5: (0.640, 0.330, 0.290, 0.600, 0.150, 0.060, *D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *D65),  # BT.2020
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *D65),  # Display P3
    BT709: (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *D65),
}
# The curves of video cameras (BT.709 and its like) are shown as sRGB's.
LIKE_SRGB = (1, UNSPECIFIED, 6, 13, 14, 15)
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
HDR = {16: "PQ", 18: "HLG"}


class CodePoints(NamedTuple):
    """Colours as files name them by numbers."""

    primaries: int
    transfer: int

    @property
    def hdr(self) -> str:
        """The name of a curve for high dynamic range; empty for others."""
        return HDR.get(self.transfer, "")

    def profile(self) -> bytes:
        """An ICC profile of these colours; empty for sRGB and for numbers that this does not know.

        >>> CodePoints(1, 13).profile(), space_of(CodePoints(12, 13).profile())
        (b'', 'RGB')
        """
        known = self.primaries in PRIMARIES or self.primaries == UNSPECIFIED
        if not known or not (self.transfer in LIKE_SRGB or self.transfer in GAMMAS):
            return b""
        if self.primaries in (BT709, UNSPECIFIED) and self.transfer in LIKE_SRGB:
            return b""
        curve = SRGB_CURVE if self.transfer in LIKE_SRGB else (GAMMAS[self.transfer], 1.0, 0.0, 0.0, 0.0)
        return _matrix_profile(PRIMARIES.get(self.primaries, PRIMARIES[BT709]), curve)


def space_of(profile: bytes) -> str:
    """The colours that an ICC profile describes: "RGB", "GRAY", "CMYK", ..."""
    return profile[16:20].decode("latin-1").strip()


@cache
def is_srgb(profile: bytes) -> bool:
    """Whether colours stay as they are when they are converted by this profile, or it cannot convert any."""
    grid = np.stack(np.meshgrid(*[np.arange(0, 256, 51, dtype=np.uint8)] * 3), -1).reshape(1, -1, 3)
    mode = "L" if space_of(profile) == "GRAY" else "RGB"
    colours = Image.fromarray(grid).convert(mode)
    try:
        converted = _convert(colours, profile).convert("RGB")
    except (OSError, ValueError, TypeError, _cms_error()):
        return True
    difference = np.asarray(converted).astype(int) - np.asarray(colours.convert("RGB"))
    return bool(np.abs(difference).max() <= ALIKE)


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """A picture (L, LA, RGB, RGBA) with the colours of a profile, in sRGB; as it is if the profile is of no use."""
    if not profile or is_srgb(profile) or (space_of(profile) == "GRAY") != (image.mode in ("L", "LA")):
        return image
    grey = image.mode in ("L", "LA")
    converted = _convert(image.convert("L" if grey else "RGB"), profile).convert("L" if grey else "RGB")
    if image.mode in ("LA", "RGBA"):
        converted.putalpha(image.getchannel("A"))
    return converted


def cmyk_to_srgb(image: Image.Image) -> Image.Image:
    """A CMYK picture in sRGB, by its ICC profile."""
    try:
        return _convert(image, image.info["icc_profile"])
    except (ImportError, OSError, _cms_error()) as error:
        raise BadImage(
            f"cannot convert CMYK by the picture's ICC profile ({error}): convert it to RGB first"
        ) from error


def _convert(image: Image.Image, profile: bytes) -> Image.Image:
    from PIL import ImageCms  # not at the top: most pictures need no conversion

    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert converted is not None  # it is None only for a conversion in place
    return converted


def _cms_error() -> Any:
    from PIL import ImageCms

    return ImageCms.PyCMSError


def _matrix_profile(primaries: tuple[float, ...], curve: tuple[float, ...]) -> bytes:
    """An ICC profile (version 4) of three primaries, and one curve for all."""
    xs, ys = np.array(primaries[0::2]), np.array(primaries[1::2])
    colours = np.stack([xs / ys, np.ones(4), (1 - xs - ys) / ys])  # X, Y, Z of each at Y = 1; the white is the last
    white = colours[:, 3]
    scaled = colours[:, :3] * np.linalg.solve(colours[:, :3], white)
    adapted = np.linalg.inv(BRADFORD) @ np.diag(BRADFORD @ D50 / (BRADFORD @ white)) @ BRADFORD
    red, green, blue = (adapted @ scaled).T
    parameters = struct.pack(">4sIHH", b"para", 0, 3, 0) + _fixed(curve)
    tags = {
        b"desc": _text("lic: colours of the file's code points"),
        b"cprt": _text("No copyright"),
        b"wtpt": _xyz(D50),
        b"chad": b"sf32\0\0\0\0" + _fixed(adapted.ravel()),
        b"rXYZ": _xyz(red),
        b"gXYZ": _xyz(green),
        b"bXYZ": _xyz(blue),
        b"rTRC": parameters,
        b"gTRC": parameters,
        b"bTRC": parameters,
    }
    table, body, places = b"", b"", {}
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        if data not in places:
            places[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, places[data], len(data))
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lic ", 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _fixed(D50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _fixed(values: Any) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def _xyz(values: Any) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", len(encoded), 28) + encoded
