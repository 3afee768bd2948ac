"""The coder in C. `MISSING` says why it cannot be used, where it was installed without a compiler, for example."""

from collections.abc import Callable

import numpy as np

from lic.codec.entropy.level_choice import Choice
from lic.codec.entropy.prices import Numbers, Prices, PricingCoder
from lic.codec.entropy.tables import TOTAL, Tables
from lic.codec.entropy.walk import DAMAGED, Symbols
from lic.codec.errors import Corrupt

try:
    from lic.codec.core import _core

    MISSING = ""
except ImportError as error:
    MISSING = str(error)

Rate = object  # tables and contexts in the core: a model's at a position, or those of `plain_rate`


def plain_rate(tables: Tables) -> Rate:
    """A table for each channel, whatever they are made from."""
    return _core.open_tables(
        tables.first.astype(np.int32),
        np.append(tables.start, len(tables.flat)).astype(np.uint32),
        (np.cumsum(tables.flat) - tables.flat & TOTAL - 1).astype(np.uint32),  # each row's sum is TOTAL
    )


class CompiledCoder(PricingCoder):
    """A `Coder`. It releases the interpreter lock, so threads code in parallel."""

    def __init__(self, rate: Rate, prices: Callable[[], Prices]) -> None:
        super().__init__(prices)
        self._rate = rate

    def encode(self, symbols: Symbols) -> bytes:
        _, rows, columns = symbols.shape
        return _core.encode(self._rate, rows, columns, np.ascontiguousarray(symbols, np.int32))

    def decode(self, data: bytes, shape: tuple[int, int, int]) -> Symbols:
        symbols = np.empty(shape, np.int32)
        if not _core.decode(self._rate, *shape[1:], data, symbols):
            raise Corrupt(DAMAGED)
        return symbols

    def find_tables(self, symbols: Symbols) -> Numbers:
        _, rows, columns = symbols.shape
        found = np.empty(symbols.shape, np.uint16)
        _core.find_tables(self._rate, rows, columns, np.ascontiguousarray(symbols, np.int32), found)
        return found

    def guess_tables(self, numbers: Symbols) -> Numbers:
        _, rows, columns = numbers.shape
        found = np.empty(numbers.shape, np.uint16)
        _core.guess_tables(self._rate, rows, columns, np.ascontiguousarray(numbers, np.int32), found)
        return found

    def choose_levels(self, levels: Symbols, phase: int, choice: Choice) -> None:
        _, rows, columns = levels.shape
        targets, numbers = np.ascontiguousarray(choice.targets), np.ascontiguousarray(choice.numbers)
        of_choice = self.prices.entries, phase, choice.weight, choice.kept, targets, numbers
        chosen = np.ascontiguousarray(levels)  # a chunk may be a part of a picture's
        _core.choose_levels(self._rate, rows, columns, *of_choice, chosen)
        if chosen is not levels:
            levels[:] = chosen
