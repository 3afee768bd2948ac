"""The range coder in Python writes and reads the streams of the library constriction."""

import constriction
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lic.codec.entropy.range_coder import RangeDecoder, RangeEncoder
from lic.codec.entropy.tables import TOTAL


def random_borders(rng: np.random.Generator) -> list[int]:
    """Frequencies from 1 to nearly all, summed up."""
    inner = np.unique(rng.integers(1, 2 ** rng.integers(1, 25), rng.integers(1, 50)))
    return [0, *inner[inner < TOTAL].tolist(), TOTAL]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_streams_are_those_of_constriction(seed: int) -> None:
    rng = np.random.default_rng(seed)
    encoder, other = RangeEncoder(), constriction.stream.queue.RangeEncoder()
    tables = [random_borders(rng) for _ in range(20)]
    runs = [rng.integers(0, len(borders) - 1, rng.integers(1, 9)).tolist() for borders in tables]
    for borders, entries in zip(tables, runs, strict=True):
        encoder.put((borders[i], borders[i + 1] - borders[i]) for i in entries)
        weights = np.diff(borders) - 1.0  # constriction adds one to each
        other.encode(np.array(entries, np.int32), constriction.stream.model.Categorical(weights, perfect=False))
    data, theirs = encoder.finish(), other.get_compressed().astype(">u4").tobytes()
    assert theirs[: len(data)] == data and set(theirs[len(data) :]) <= {255} and len(theirs) - len(data) <= 7
    decoder = RangeDecoder(data)
    assert [decoder.get(borders, len(entries)) for borders, entries in zip(tables, runs, strict=True)] == runs
