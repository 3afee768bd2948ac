"""Repairing checksums after a change, to reach the code behind them."""

import struct
import zlib

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def with_checksum(data: bytes) -> bytes:
    """A .lic file whose last four bytes are the CRC of all before them."""
    body = data[:-4]
    return body + struct.pack("<I", zlib.crc32(body))


def with_png_checksums(data: bytes) -> bytes:
    """The same for the chunks of a PNG file, as far as they can be told apart."""
    out, at = bytearray(data), len(PNG_SIGNATURE)
    while at + 12 <= len(out):
        (length,) = struct.unpack(">I", out[at : at + 4])
        end = at + 8 + length
        if end + 4 > len(out):
            break
        out[end : end + 4] = struct.pack(">I", zlib.crc32(out[at + 4 : end]))
        at = end + 4
    return bytes(out)
