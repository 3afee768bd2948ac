import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lic.codec.entropy.coder import MAX_SYMBOL, Coder, Library
from lic.codec.entropy.contexts import FEATURES, PREDICTED_CHANNELS, PointContexts
from lic.codec.entropy.plain import PlainWalk
from lic.codec.entropy.tables import MAX_HEIGHT, frequency_tables
from lic.codec.errors import Corrupt
from lic.models.constants import KNOTS

CHANNELS = PREDICTED_CHANNELS + 4
TABLES = 24


def make_library() -> Library:
    """Laplacian-like tables from very narrow to wide."""
    knots = np.array(KNOTS)
    heights = np.round(MAX_HEIGHT * np.exp(-np.abs(knots) / 12)).astype(np.int64)
    steps = (2.0 ** np.linspace(19, 8, TABLES)).astype(np.int64)
    return Library(frequency_tables(heights[None].repeat(TABLES, 0), steps, knots))


def make_contexts(seed: int = 0) -> PointContexts:
    rng = np.random.default_rng(seed)
    return PointContexts(
        weights=rng.integers(0, 2**14, (CHANNELS, 3, FEATURES)),
        prediction=rng.integers(-(2**11), 2**12, (PREDICTED_CHANNELS, 3, 4)),
        thresholds=(2.0 ** np.linspace(14, 28, 39)).astype(np.int64),
        tables=rng.integers(0, TABLES, (CHANNELS, 3, 40)).astype(np.uint8),
    )


LIBRARY = make_library()
PLAIN, CONTEXTS = Coder(LIBRARY, PlainWalk()), Coder(LIBRARY, make_contexts())
shapes = st.tuples(st.just(CHANNELS), st.integers(1, 7), st.integers(1, 7))
wild = st.one_of(st.integers(-3, 3), st.integers(-MAX_SYMBOL, MAX_SYMBOL))


def round_trip(symbols: np.ndarray, coder: Coder) -> np.ndarray:
    return coder.decode(coder.encode(symbols), symbols.shape)


@pytest.mark.parametrize("coder", [PLAIN, CONTEXTS], ids=["plain", "contexts"])
@settings(max_examples=60, deadline=None)
@given(symbols=shapes.flatmap(lambda shape: hnp.arrays(np.int32, shape, elements=wild, fill=st.just(0))))
def test_round_trip_of_any_symbols(symbols: np.ndarray, coder: Coder) -> None:
    np.testing.assert_array_equal(round_trip(symbols, coder), symbols)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), shapes)
def test_round_trip_under_any_contexts(seed: int, shape: tuple[int, int, int]) -> None:
    symbols = np.round(np.random.default_rng(seed).laplace(size=shape) * 3).astype(np.int32)
    np.testing.assert_array_equal(round_trip(symbols, Coder(LIBRARY, make_contexts(seed))), symbols)


def test_latents_beyond_the_largest_symbol_are_clamped() -> None:
    symbols = np.zeros((CHANNELS, 1, 2), np.int32)
    symbols[3, 0] = [2**31 - 1, -(2**31)]
    assert round_trip(symbols, PLAIN)[3, 0].tolist() == [MAX_SYMBOL, -MAX_SYMBOL]


@pytest.mark.parametrize("coder", [PLAIN, CONTEXTS], ids=["plain", "contexts"])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (5, 7), (32, 48)])
@pytest.mark.parametrize("spread", [0.0, 0.1, 2.0, 60.0])
def test_size_is_within_a_thousandth_and_16_bytes_of_the_ideal(
    coder: Coder, rows: int, columns: int, spread: float
) -> None:
    rng = np.random.default_rng(1)
    symbols = np.round(rng.laplace(size=(CHANNELS, rows, columns)) * spread).astype(np.int32)
    data, ideal = coder.encode(symbols), coder.bits(symbols).sum() / 8
    assert 0.999 * ideal - 16 <= len(data) <= 1.001 * ideal + 16


def test_the_ideal_counts_an_escape_and_its_bits() -> None:
    """An escaped value costs its table's escape, 5 bits for its length, and its bits below the leading one."""
    cases = [(2000, 11), (-2000, 11), (2047, 11), (-2048, 12), (2**20, 21), (-(2**20), 21)]
    for table, (value, bits) in enumerate(cases):
        symbols = np.zeros((CHANNELS, 1, 1), np.int32)
        symbols[table] = value
        escape = LIBRARY.tables.row(table)[-1]
        assert LIBRARY.tables.first[table] > -2000
        ideal = PLAIN.bits(symbols)
        assert ideal[table, 0, 0] == pytest.approx(24 - np.log2(escape) + 5 + bits)
        inner = 24 - np.log2(LIBRARY.tables.row(0)[-LIBRARY.tables.first[0]])
        assert ideal[0, 0, 0] == pytest.approx(inner if table else ideal[0, 0, 0])
        assert (ideal[table + 1 :] == 0).all()  # channels after the last one in use are not coded


def test_any_value_may_escape() -> None:
    heights = np.zeros((1, len(KNOTS)), np.int64)
    heights[0, -2] = MAX_HEIGHT  # a table of large values only
    library = Library(frequency_tables(heights, np.array([2**19]), np.array(KNOTS)))
    assert library.tables.first[0] > 3
    symbols = np.arange(-3, 4, dtype=np.int32).reshape(1, 1, 7)
    np.testing.assert_array_equal(round_trip(symbols, Coder(library, PlainWalk())), symbols)


def test_nothing_costs_next_to_nothing() -> None:
    symbols = np.zeros((CHANNELS, 32, 48), np.int32)
    assert len(CONTEXTS.encode(symbols)) <= 4


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_decode_or_are_called_corrupt(data: bytes) -> None:
    try:
        symbols = CONTEXTS.decode(data, (CHANNELS, 3, 3))
    except Corrupt:
        return
    assert symbols.shape == (CHANNELS, 3, 3)
    assert np.abs(symbols).max() <= MAX_SYMBOL
