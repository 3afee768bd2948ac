"""Small .lic files of every feature: the seeds of the fuzzer and the mutation test.

Their models are the golden ones, in the folder that LIC_MODELS must name.
"""

import dataclasses
import io
from pathlib import Path

import numpy as np
from PIL import Image

from lic import encode
from lic.codec.file.container import ALPHA, Section, build, parse

GOLDEN = Path(__file__).parents[2] / "conformance"
MODELS = ("golden-plain", "golden-contexts")


def make_seeds() -> dict[str, bytes]:
    """By name; the golden files are among them."""
    y, x = np.mgrid[:40, :56]
    photo = np.stack([3 * x + y, x * y // 7, 255 - x], -1).astype(np.uint8)
    alpha = (40 * (x // 8 + y // 8) % 256).astype(np.uint8)
    metadata = {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", "icc_profile": b"profile", "xmp": b"<x:xmpmeta/>"}
    pictures = {
        "rgb": photo,
        "rgba": np.dstack([photo, alpha]),
        "grey": photo[:, :, 0],
        "grey-alpha": np.dstack([photo[:, :, 0], alpha]),
        "opaque": np.dstack([photo[:9, :9], np.full((9, 9), 255, np.uint8)]),
        "chunks": np.resize(photo, (1060, 3, 3)),
        "wide": photo[:1],
        "tall": photo[:, :1],
    }
    seeds = {path.stem: path.read_bytes() for path in sorted(GOLDEN.glob("*.lic"))}
    for model in MODELS:
        for name, pixels in pictures.items():
            for quality in (5, 77.7) if name == "rgb" else (50,):
                seeds[f"{name}-{quality}-{model}"] = encode(pixels, quality=quality, model=model)
        tagged = parse(encode(photo, model=model, metadata=metadata))
        seeds[f"metadata-{model}"] = build(tagged)
        unknown = (Section(b"z", b"of a newer version"), *tagged.sections)
        seeds[f"unknown-section-{model}"] = build(dataclasses.replace(tagged, sections=unknown))
        seeds[f"damaged-alpha-{model}"] = build(dataclasses.replace(tagged, sections=(Section(ALPHA, b"no PNG"),)))
    return seeds


def make_pictures() -> dict[str, bytes]:
    """Small picture files of the usual formats, by the formats' names."""
    y, x = np.mgrid[:20, :24]
    photo = np.stack([9 * x + y, x * y // 7, 255 - x], -1).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {}
    for kind in ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "TGA"):
        out = io.BytesIO()
        more = {"exif": exif, "icc_profile": b"profile"} if kind in ("PNG", "JPEG", "TIFF", "WEBP") else {}
        Image.fromarray(photo).save(out, kind, **more)
        files[kind] = out.getvalue()
    return files
