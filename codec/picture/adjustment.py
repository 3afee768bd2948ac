"""What a file adds to the weights of its model's filter (filtering.py), as bits: FORMAT.md, section 4.

For each colour plane there is a bit, and after a 1 twelve weights, which are added to those of every class. Their codes
are exponential Golomb codes (Teuhola 1978), as video codecs use them for small signed numbers.
"""

import numpy as np

from lic.codec.entropy.tables import Ints
from lic.codec.errors import Corrupt
from lic.codec.picture.filtering import PLANES, TAPS

UNIT = 2  # in which the weights are written
MOST = 384  # sum of the magnitudes of a plane's weights, in that unit: so the filter's numbers stay below 2^24
ORDER = 2  # of the codes: the numbers from 0 to 3 have codes of 3 bits, the next 8 of 5, and so on
SHAPE = len(PLANES), TAPS
ROOM = 4 * len(PLANES) * TAPS  # bytes, more than any payload has


def length_of(weight: int) -> int:
    """The bits of a weight, in units.

    >>> [length_of(weight) for weight in (0, 2, -2, 6, -6)]
    [3, 3, 5, 5, 7]
    """
    return 2 * (_unsigned(weight) + 2**ORDER).bit_length() - 1 - ORDER


def pack(added: Ints) -> bytes:
    """The bytes for weights of each plane, in units.

    >>> pack(np.array([[0] * TAPS, [0] * TAPS, [1, -1] + [0] * 10])).hex()
    '3749249248'
    """
    bits = ""
    for weights in added.tolist():
        bits += "1" if any(weights) else "0"
        if any(weights):
            bits += "".join(format(_unsigned(w) + 2**ORDER, "b").zfill(length_of(w)) for w in weights)
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def unpack(payload: bytes) -> Ints:
    """What is to be added to the weights of all classes: planes x taps.

    >>> added = np.arange(len(PLANES) * TAPS).reshape(SHAPE) - 9
    >>> bool((unpack(pack(added)) == UNIT * added).all())
    True
    """
    bits = "".join(format(byte, "08b") for byte in payload[:ROOM])
    added, at = np.zeros(SHAPE, np.int64), 0
    for plane in added:
        has, at = bits[at : at + 1], at + 1
        for tap in range(TAPS if has == "1" else 0):
            digits = bits.find("1", at) - at + 1 + ORDER  # behind the zeros, and those as many again
            start = at + digits - 1 - ORDER
            number, at = bits[start : start + digits], start + digits
            if digits <= ORDER or len(number) < digits:
                raise damaged()
            plane[tap] = _signed(int(number, 2) - 2**ORDER)
            if np.abs(plane).sum() > MOST:
                raise damaged()
        if not has:
            raise damaged()
    if len(bits) - at >= 8 or "1" in bits[at:]:
        raise damaged()
    return UNIT * added


def damaged() -> Corrupt:
    return Corrupt("the file's adjustment of the filter is damaged: get a fresh copy of it")


def _unsigned(weight: int) -> int:
    return 2 * abs(weight) - (weight > 0)


def _signed(number: int) -> int:
    return (number + 1) // 2 if number % 2 else -number // 2
