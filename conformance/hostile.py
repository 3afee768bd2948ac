"""Make the files in `refused/`: damaged and hostile ones, each with the error that it must meet.

`python -m conformance.hostile` writes those that are new; existing files are never changed.
"""

import io
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from lic.codec.file.container import ADJUSTMENT, ALPHA, STORED, WEBP, Section, build, parse

FOLDER = Path(__file__).parent
REFUSED = FOLDER / "refused"
MANIFEST = FOLDER / "manifest.json"

PLAIN = parse((FOLDER / "plain.lic").read_bytes())  # 91 x 75, in colour
GREY = parse((FOLDER / "grey.lic").read_bytes())  # the same in grey
SIZE = (PLAIN.width, PLAIN.height)
HUGE = 2**24 - 1
SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_PROFILE = b"icc\0\0" + zlib.compress(b"a profile")


class Hostile(NamedTuple):
    """A file, and the name of the error."""

    data: bytes
    error: str = "Corrupt"


def hostile_files() -> dict[str, Hostile]:
    """All of them, by name."""
    return dict([*damaged_containers(), *claims(), *bad_alphas(), *bad_pixels(), *bad_adjustments()])


# ---- the container ----


def damaged_containers() -> Iterator[tuple[str, Hostile]]:
    good = build(PLAIN)
    yield "empty", Hostile(b"", "NotALicFile")
    yield "another-kind", Hostile(SIGNATURE, "NotALicFile")
    yield "cut-in-head", Hostile(good[:9], "Truncated")
    yield "cut-in-latents", Hostile(good[:-9], "Truncated")
    yield "cut-in-checksum", Hostile(good[:-1], "Truncated")
    yield "bit-flipped", Hostile(good[:-9] + bytes([good[-9] ^ 4]) + good[-8:])
    yield "too-long", Hostile(good + b"\0")
    yield "newer-version", Hostile(with_checksum(b"LIC\x02" + good[4:]), "UnsupportedVersion")
    yield "newer-mode", Hostile(with_checksum(good[:4] + b"\x03" + good[5:]), "UnsupportedVersion")
    yield "newer-section", Hostile(with_sections((b"Q", b"")), "UnsupportedVersion")
    yield "section-twice", Hostile(with_sections((b"e", b"1"), (b"e", b"2")))
    yield "tag-no-letter", Hostile(with_sections((b"\0", b"")))
    yield "long-number", Hostile(with_checksum(good[:5] + bytes([good[5] | 128, 0]) + good[6:]))
    yield "no-width", Hostile(with_checksum(good[:5] + b"\0" + good[6:]))
    yield "unknown-model", Hostile(build(replace(PLAIN, fingerprint=b"none")), "ModelNotFound")
    yield "beyond-last-rate", Hostile(build(replace(PLAIN, position=513)))
    yield "no-latents", Hostile(build(replace(PLAIN, latents=b"\xff" * 8)))


def claims() -> Iterator[tuple[str, Hostile]]:
    """Files that claim more than they hold."""
    yield "terapixels", Hostile(build(replace(PLAIN, width=HUGE, height=HUGE, latents=b"")), "TooLarge")
    yield "one-row-of-16-million", Hostile(build(replace(PLAIN, width=HUGE, height=1, latents=b"")), "TooLarge")
    yield "one-column-of-16-million", Hostile(build(replace(PLAIN, width=1, height=HUGE, latents=b"")), "TooLarge")
    tall = replace(PLAIN, height=1100)  # two chunks
    yield "chunk-beyond-the-end", Hostile(build(replace(tall, latents=b"\x7f123")))
    yield "chunk-length-cut", Hostile(build(replace(tall, latents=b"\xff")))
    section = build(replace(PLAIN, sections=(Section(b"z", b""),)))
    at = section.index(b"z\0")
    claim = section[: at + 1] + b"\xff\xff\xff\xff\x7f" + section[at + 2 :]
    yield "section-beyond-the-end", Hostile(with_checksum(claim), "Truncated")


def with_checksum(data: bytes) -> bytes:
    return data[:-4] + struct.pack("<I", zlib.crc32(data[:-4]))


def with_sections(*sections: tuple[bytes, bytes]) -> bytes:
    return build(replace(PLAIN, sections=tuple(Section(*section) for section in sections)))


# ---- alpha: a PNG file that other decoders might show differently ----


def bad_alphas() -> Iterator[tuple[str, Hostile]]:
    for name, png in bad_pngs():
        yield f"alpha-{name}", Hostile(with_sections((ALPHA, png)))
    stored = replace(PLAIN, latents=b"", sections=(Section(STORED, bytes(3 * SIZE[0] * SIZE[1])), Section(ALPHA, b"1")))
    yield "alpha-stored-too-short", Hostile(build(stored))


def bad_pngs() -> Iterator[tuple[str, bytes]]:
    rows = bytes(SIZE[1] * (1 + SIZE[0]))
    packed, end = zlib.compress(rows), chunk(b"IEND")
    data = chunk(b"IDAT", packed)
    start = SIGNATURE + header()
    yield "garbage", b"no picture"
    yield "cut", (start + data + end)[:-30]
    yield "without-end", start + data
    yield "without-pixels", start + end
    yield "other-size", SIGNATURE + header(size=(92, 75)) + data + end
    yield "in-colour", saved("PNG", "RGB")
    yield "of-16-bits", saved("PNG", "I;16")
    yield "of-1-bit", saved("PNG", "1")
    yield "with-alpha", saved("PNG", "LA")
    yield "with-palette", saved("PNG", "P")
    yield "interlaced", SIGNATURE + header(interlaced=1) + data + end
    yield "transparent-grey", start + chunk(b"tRNS", b"\0\0") + data + end
    yield "gamma", start + chunk(b"gAMA", struct.pack(">I", 100_000)) + data + end
    yield "srgb", start + chunk(b"sRGB", b"\0") + data + end
    yield "profile", start + chunk(b"iCCP", COLOUR_PROFILE) + data + end
    yield "damaged-profile", start + chunk(b"iCCP", b"") + data + end
    yield "text", start + chunk(b"tEXt", b"a\0b") + data + end
    yield "animated", start + chunk(b"acTL", struct.pack(">II", 1, 0)) + data + end
    yield "text-at-the-end", start + data + chunk(b"tEXt", b"a\0b") + end
    yield "more-after-the-end", start + data + end + b"more"
    yield "wrong-checksum", start + data[:-1] + bytes([data[-1] ^ 1]) + end
    yield "stream-cut", start + chunk(b"IDAT", packed[:-5]) + end
    yield "stream-too-long", start + chunk(b"IDAT", packed + b"more") + end
    yield "stream-wrong-checksum", start + chunk(b"IDAT", packed[:-1] + bytes([packed[-1] ^ 1])) + end
    yield "row-missing", start + chunk(b"IDAT", zlib.compress(rows[: -1 - SIZE[0]])) + end
    yield "row-too-many", start + chunk(b"IDAT", zlib.compress(rows + rows[: 1 + SIZE[0]])) + end
    yield "bomb", start + chunk(b"IDAT", zlib.compress(bytes(20_000_000), 9)) + end
    yield "unknown-filter", start + chunk(b"IDAT", zlib.compress(b"\5" + rows[1:])) + end


def header(size: tuple[int, int] = SIZE, interlaced: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, interlaced))


def chunk(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def saved(kind: str, mode: str, **options: object) -> bytes:
    """A picture of the right size as a file."""
    out = io.BytesIO()
    Image.new(mode, SIZE).save(out, kind, **options)
    return out.getvalue()


# ---- lossless pixels ----


# Bits of the stream in stored-webp.lic, by what is wrong once one is flipped: byte in the section, bit in the byte.
FLIPS = {
    "incomplete-code": (25, 0),
    "transform-twice": (25, 1),
    "code-of-too-many-symbols": (29, 7),
    "copy-from-beyond": (38, 5),
    "cache-of-no-size": (44, 5),
    "stream-that-runs-out": (236, 2),
}


def bad_pixels() -> Iterator[tuple[str, Hostile]]:
    bare = replace(PLAIN, latents=b"")
    drawn = parse((FOLDER / "stored-webp.lic").read_bytes())
    for name, (at, bit) in FLIPS.items():
        stream = bytearray(drawn.section(WEBP) or b"")
        stream[at] ^= 1 << bit
        yield f"lossless-{name}", Hostile(build(replace(drawn, sections=(Section(WEBP, bytes(stream)),))))
    for name, webp in bad_webps():
        yield f"lossless-{name}", Hostile(build(replace(bare, sections=(Section(WEBP, webp),))))
    colours = Section(WEBP, webp_of(np.arange(3, dtype=np.uint8)))
    yield "lossless-colour-in-grey", Hostile(build(replace(GREY, latents=b"", sections=(colours,))))
    yield "lossless-and-latents", Hostile(with_sections(colours))
    pixels = Section(STORED, bytes(3 * SIZE[0] * SIZE[1]))
    yield "lossless-and-stored", Hostile(build(replace(bare, sections=(colours, pixels))))
    yield "stored-and-latents", Hostile(with_sections(pixels))
    yield "stored-too-short", Hostile(build(replace(bare, sections=(Section(STORED, b"123"),))))
    claim = replace(bare, width=HUGE, height=HUGE, sections=(Section(STORED, b"123"),))
    yield "stored-terapixels", Hostile(build(claim), "TooLarge")


def bad_webps() -> Iterator[tuple[str, bytes]]:
    good = webp_of(np.zeros(3, np.uint8))
    stream = good[20:]
    yield "garbage", b"no picture"
    yield "cut", good[:-8]
    yield "stream-cut", riff(b"VP8L", stream[:-8])
    yield "other-size", riff(b"VP8L", flag(stream, bit=0))
    yield "alpha", riff(b"VP8L", flag(stream, bit=28))
    yield "newer-version", riff(b"VP8L", flag(stream, bit=29))
    yield "of-transparent-pixels", saved("WEBP", "RGBA", lossless=True, exact=True)
    yield "lossy", saved("WEBP", "RGB")
    yield "with-profile", saved("WEBP", "RGB", lossless=True, icc_profile=b"a profile")
    yield "animated", saved("WEBP", "RGB", lossless=True, save_all=True, append_images=[Image.new("RGB", SIZE, "red")])
    yield "more-after-it", riff(b"VP8L", stream + b"EXIF" + struct.pack("<I", 2) + b"12", content=len(stream))
    yield "wrong-length", good[:4] + struct.pack("<I", len(good)) + good[8:]


def webp_of(colour: np.ndarray) -> bytes:
    pixels = np.broadcast_to(colour, (SIZE[1], SIZE[0], 3)).copy()
    pixels[::2, ::3] ^= 60  # so that there is something to cut
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", lossless=True)
    return out.getvalue()


def riff(name: bytes, body: bytes, content: int | None = None) -> bytes:
    body += b"\0" * (len(body) % 2)
    content = len(body) if content is None else content
    return b"RIFF" + struct.pack("<I", 12 + len(body)) + b"WEBP" + name + struct.pack("<I", content) + body


def flag(stream: bytes, bit: int) -> bytes:
    """A VP8L stream with one more bit in its header: 14 of each side, one for alpha, three of the version."""
    fields = struct.unpack_from("<I", stream, 1)[0] ^ 1 << bit
    return stream[:1] + struct.pack("<I", fields) + stream[5:]


# ---- adjustments of the filter ----

# Of three planes, by what is wrong: the last bytes are filled with bits of 0, as they should be.
ADJUSTMENTS = {
    "empty": "",
    "cut": "1" + 11 * "100",
    "cut-in-a-number": "0 0 1" + 11 * "100" + "0010",
    "of-a-huge-number": "0 0 1" + 30 * "0" + "1" + 32 * "0",
    "too-large": "0 0 1 0000000 1 100000101" + 11 * "100",  # 385
    "too-large-in-sum": "0 0 1" + 2 * "000000 1 10001001" + 10 * "100",  # 193 and 193
    "with-more-bits": "0 0 1" + 12 * "100" + "1",
    "with-more-bytes": "0 0 1" + 12 * "100" + 8 * "0",
}


def bad_adjustments() -> Iterator[tuple[str, Hostile]]:
    filtered = parse((FOLDER / "filter-adjusted.lic").read_bytes())
    for name, spaced in ADJUSTMENTS.items():
        bits = spaced.replace(" ", "")
        bits += "0" * (-len(bits) % 8)
        payload = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
        yield f"adjustment-{name}", Hostile(build(replace(filtered, sections=(Section(ADJUSTMENT, payload),))))
    good = Section(ADJUSTMENT, filtered.section(ADJUSTMENT) or b"")
    yield "adjustment-without-filter", Hostile(build(replace(PLAIN, sections=(good,))))
    drawn = parse((FOLDER / "stored-webp.lic").read_bytes())
    yield "adjustment-of-lossless", Hostile(build(replace(drawn, sections=(good, *drawn.sections))))


if __name__ == "__main__":
    manifest = json.loads(MANIFEST.read_text())
    for name, (data, error) in hostile_files().items():
        if name not in manifest["refused"]:
            (REFUSED / f"{name}.lic").write_bytes(data)
            manifest["refused"][name] = error
    MANIFEST.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
