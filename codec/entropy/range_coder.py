"""A range coder: FORMAT.md, section 2. Numbers of 64 bits are Python's integers, which have no size: hence the masks.

It writes what the library constriction's `RangeEncoder` writes; codec/core/range_coder.h is the same in C.

    >>> encoder = RangeEncoder()
    >>> encoder.put_uniform(6, 7)
    >>> encoder.put_escaped(-1000)
    >>> data = encoder.finish()
    >>> decoder = RangeDecoder(data)
    >>> decoder.get_uniform(7), decoder.get_escaped(), len(data)
    (6, -1000, 4)
"""

from bisect import bisect_right
from collections.abc import Iterable

from lic.codec.entropy.tables import TOTAL, TOTAL_BITS
from lic.codec.entropy.walk import DAMAGED
from lic.codec.errors import Corrupt

PIECE_BITS = 16  # escaped values are written in uniform pieces of at most this many bits
MAX_CUT = 7  # bytes of 255 that are cut off at the end of a stream: the decoder appends no more

STATE = (1 << 64) - 1
WORD = 1 << 32


def zigzag(value: int) -> int:
    """Signed to unsigned: 0, -1, 1, -2, 2 ... become 0, 1, 2, 3, 4 ..."""
    return 2 * value if value >= 0 else -2 * value - 1


def uniform(value: int, size: int) -> tuple[int, int]:
    """The sum of the frequencies below a value, and its own: equal ones, but the last takes the remainder, too."""
    each = TOTAL // size
    return each * value, each if value + 1 < size else TOTAL - each * value


class RangeEncoder:
    def __init__(self) -> None:
        self.lower, self.range = 0, STATE
        self.data = bytearray()

    def put(self, parts: Iterable[tuple[int, int]]) -> None:
        """Entries of tables, each given by the sum of the frequencies below it and its own frequency."""
        lower, range_, data = self.lower, self.range, self.data
        for below, frequency in parts:
            scale = range_ >> TOTAL_BITS
            lower += scale * below
            if lower > STATE:
                lower &= STATE
                self._carry()
            range_ = scale * frequency
            if range_ < WORD:
                data += (lower >> 32).to_bytes(4, "big")
                lower = lower << 32 & STATE
                range_ <<= 32
        self.lower, self.range = lower, range_

    def put_uniform(self, value: int, size: int) -> None:
        self.put([uniform(value, size)])

    def put_escaped(self, value: int) -> None:
        """Elias-gamma-like: the bit length of the zigzagged value plus one, then the bits below the leading one."""
        plus_one = zigzag(value) + 1
        length = plus_one.bit_length() - 1
        self.put_uniform(length, 32)
        for shift in range(0, length, PIECE_BITS):
            size = 1 << min(PIECE_BITS, length - shift)
            self.put_uniform((plus_one - (1 << length)) >> shift & size - 1, size)

    def finish(self) -> bytes:
        """All bytes: so many of `lower` that the number stays within the range, whatever a decoder reads behind it."""
        point = self.lower + WORD - 1
        if point > STATE:
            point &= STATE
            self._carry()
        word = point >> 32
        self.data += word.to_bytes(4, "big")
        if ((self.lower + self.range & STATE) >> 32) == word:
            self.data += bytes(4)
        return bytes(self.data[: max(len(self.data.rstrip(b"\xff")), len(self.data) - MAX_CUT)])

    def _carry(self) -> None:
        """Add one to the number that the bytes so far are."""
        at = len(self.data) - 1
        while self.data[at] == 255:
            self.data[at] = 0
            at -= 1
        self.data[at] += 1


class RangeDecoder:
    """FORMAT.md's `lower` and `point` count by their difference only, which is `ahead`."""

    def __init__(self, data: bytes) -> None:
        data += b"\xff" * 4  # those that the encoder cut off, and enough to start with
        self.data, self.at = data + b"\xff" * (-len(data) % 4), 8
        self.ahead = int.from_bytes(self.data[:8].ljust(8, b"\0"), "big")
        self.range = STATE

    def get(self, borders: list[int], count: int) -> list[int]:
        """Entries of one table; `borders` are the sums of the frequencies below each of its entries, and the total."""
        ahead, range_, data, at = self.ahead, self.range, self.data, self.at
        entries = []
        for _ in range(count):
            scale = range_ >> TOTAL_BITS
            quantile = ahead // scale
            if quantile >= TOTAL:
                raise Corrupt(DAMAGED)
            entry = bisect_right(borders, quantile) - 1
            entries.append(entry)
            ahead -= scale * borders[entry]
            range_ = scale * (borders[entry + 1] - borders[entry])
            if range_ < WORD:
                ahead = (ahead << 32) + int.from_bytes(data[at : at + 4], "big")  # 0 at the end
                range_ <<= 32
                at += 4
        self.ahead, self.range, self.at = ahead, range_, at
        return entries

    def get_uniform(self, size: int) -> int:
        scale = self.range >> TOTAL_BITS
        quantile = self.ahead // scale
        value = min(quantile // (TOTAL // size), size - 1)
        below, frequency = uniform(value, size)
        self.get([0, below, below + frequency, TOTAL] if below else [0, frequency, TOTAL], 1)
        return value

    def get_escaped(self) -> int:
        length = self.get_uniform(32)
        value = 1 << length
        for shift in range(0, length, PIECE_BITS):
            value += self.get_uniform(1 << min(PIECE_BITS, length - shift)) << shift
        value -= 1
        return value // 2 if value % 2 == 0 else -(value // 2) - 1
