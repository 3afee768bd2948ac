"""The coder in C. `MISSING` says why it cannot be used, where it was installed without a compiler, for example."""

import numpy as np

from lic.codec.entropy.prices import Numbers, PricingCoder
from lic.codec.entropy.tables import TOTAL, Tables
from lic.codec.entropy.walk import DAMAGED, Symbols, Walk
from lic.codec.errors import Corrupt

try:
    from lic.codec.core import _core

    MISSING = ""
except ImportError as error:
    MISSING = str(error)


class CompiledCoder(PricingCoder):
    """A `Coder`. It releases the interpreter lock, so threads code in parallel."""

    def __init__(self, tables: Tables, walk: Walk) -> None:
        self.tables, self.walk = tables, walk
        order, weights, thresholds, numbers, earlier = walk.arrays()
        self.model = (
            int(order),
            len(weights) or len(tables.first),
            tables.first.astype(np.int32),
            np.append(tables.start, len(tables.flat)).astype(np.uint32),
            (np.cumsum(tables.flat) - tables.flat & TOTAL - 1).astype(np.uint32),  # each row's sum is TOTAL
            np.ascontiguousarray(weights, np.int32),
            np.ascontiguousarray(thresholds, np.int64),
            np.ascontiguousarray(numbers, np.uint8),
            earlier if earlier is None else np.ascontiguousarray(earlier, np.int16),
        )

    def encode(self, symbols: Symbols) -> bytes:
        _, rows, columns = symbols.shape
        return _core.encode(self.model, rows, columns, np.ascontiguousarray(symbols, np.int32))

    def decode(self, data: bytes, shape: tuple[int, int, int]) -> Symbols:
        symbols = np.empty(shape, np.int32)
        if not _core.decode(self.model, *shape[1:], data, symbols):
            raise Corrupt(DAMAGED)
        return symbols

    def find_tables(self, symbols: Symbols) -> Numbers:
        _, rows, columns = symbols.shape
        numbers = np.empty(symbols.shape, np.uint16)
        _core.find_tables(self.model, rows, columns, np.ascontiguousarray(symbols, np.int32), numbers)
        return numbers
