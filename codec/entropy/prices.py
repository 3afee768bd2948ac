"""What symbols cost under given tables."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lic.codec.entropy.quantisers import QUANTISERS, have_levels, numbers_of
from lic.codec.entropy.tables import TOTAL_BITS, Ints, Tables
from lic.codec.entropy.walk import Symbols

Numbers = NDArray[np.uint16]  # of tables
NO_TABLE = 2**16 - 1  # of symbols in channels that are not in use
ESCAPED_BITS = 5  # for the length of an escaped value
PRICE_BITS = 16


def price(frequencies: Ints) -> NDArray[np.float32]:
    """The bits of entries with these frequencies of 2^24.

    >>> price(np.array([1, 2**24])).tolist()
    [24.0, 0.0]
    """
    steps = np.rint(np.log2(frequencies) * 2**PRICE_BITS)
    return (TOTAL_BITS - steps / 2**PRICE_BITS).astype(np.float32)


class Prices:
    """The bits of each entry of some tables, float32, in steps of 2^-PRICE_BITS.

    Logarithms differ in their last digits from machine to machine, and the choice of symbols must not. No frequency has
    one so near to the middle between two steps that this matters: a test tries all.
    """

    def __init__(self, tables: Tables, dependent: bool = False) -> None:
        """If `dependent`, the second half of the tables is that of quantiser 1, and symbols are levels."""
        self.pairs = len(tables.first) // QUANTISERS if dependent else None
        self.first, self.start = tables.first, tables.start
        self.escape = tables.size - 1  # each table's last entry
        self.entries = price(tables.flat)

    def of_quantiser_0(self, numbers: Numbers) -> Numbers:
        """The tables that quantiser 0 would have in the place of these."""
        return np.where(numbers == NO_TABLE, numbers, numbers % (self.pairs or NO_TABLE)).astype(np.uint16)

    def bits(self, symbols: Symbols, numbers: Numbers) -> NDArray[np.float32]:
        """The cost of symbols under the tables of these numbers, in their shape.

        Without a table it is 0 for a symbol that is 0, and infinite for others; and for levels that the table's
        quantiser does not have.
        """
        used = numbers != NO_TABLE
        number = np.where(used, numbers, 0)
        values, impossible = symbols.astype(np.int64), ~used & (symbols != 0)
        if self.pairs:
            quantisers = number // self.pairs
            impossible |= ~have_levels(quantisers, values)
            values = numbers_of(values, quantisers)
        entry = values - self.first[number]
        outside = (entry < 0) | (entry >= self.escape[number])
        bits = self.entries[self.start[number] + np.where(outside, self.escape[number], entry)]
        escaped = values[outside & used]
        bits[outside & used] += ESCAPED_BITS + np.frexp(np.where(escaped < 0, -2 * escaped, 2 * escaped + 1))[1] - 1
        bits[~used] = 0
        bits[impossible] = np.inf
        return bits


class PricingCoder(ABC):
    """What coders have in common: the prices of symbols follow from the tables that they choose."""

    def __init__(self, prices: Callable[[], Prices]) -> None:
        self._find_prices = prices

    @abstractmethod
    def find_tables(self, symbols: Symbols) -> Numbers: ...

    @cached_property
    def prices(self) -> Prices:
        return self._find_prices()

    def bits(self, symbols: Symbols) -> NDArray[np.float32]:
        return self.prices.bits(symbols, self.find_tables(symbols))
