"""What any coder does: both of them, by each of the walks."""

import warnings
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lic.codec.entropy import coder as coder_module
from lic.codec.entropy.coder import Coder
from lic.codec.entropy.compiled import MISSING
from lic.codec.entropy.library import Contexts
from lic.codec.entropy.plain import PlainWalk
from lic.codec.entropy.prices import PRICE_BITS, price
from lic.codec.entropy.quantisers import TRELLIS
from lic.codec.entropy.reference import ReferenceCoder
from lic.codec.entropy.tables import KNOT_ARRAY, MAX_HEIGHT, TOTAL, Tables, frequency_tables
from lic.codec.entropy.walk import MAX_SYMBOL
from lic.codec.errors import Corrupt
from lic.codec.model.frozen import FrozenModel
from tests.codec.entropy.random_models import (
    KINDS,
    laplacian_densities,
    laplacian_tables,
    possible,
    random_model,
    reference_of,
)

CHANNELS = 12
TABLES = laplacian_tables(CHANNELS)
shapes = st.tuples(st.just(CHANNELS), st.integers(1, 7), st.integers(1, 7))
wild = st.one_of(st.integers(-3, 3), st.integers(-(2**27), 2**27))
built = pytest.mark.skipif(bool(MISSING), reason="the extension is not built: there was no compiler")


@pytest.fixture(scope="module", params=["numpy", pytest.param("C", marks=built)])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Case(NamedTuple):
    """A coder, and the model that it is of."""

    coder: Coder
    model: FrozenModel

    def possible(self, symbols: np.ndarray) -> np.ndarray:
        return possible(symbols, self.model)


def make(backend: str, kind: str, seed: int = 0) -> Case:
    model = random_model(np.random.default_rng(seed), kind, CHANNELS, laplacian_densities(CHANNELS))
    return Case(model.at(0).coder if backend == "C" else reference_of(model), model)


def plain(backend: str, tables: Tables) -> Coder:
    return coder_module.make_coder(tables, PlainWalk()) if backend == "C" else ReferenceCoder(tables, PlainWalk())


@pytest.fixture(scope="module", params=KINDS)
def case(backend: str, request: pytest.FixtureRequest) -> Case:
    return make(backend, request.param)


@pytest.fixture(scope="module")
def coder(case: Case) -> Coder:
    return case.coder


def round_trip(symbols: np.ndarray, coder: Coder) -> np.ndarray:
    return coder.decode(coder.encode(symbols), symbols.shape)


@settings(max_examples=60, deadline=None)
@given(symbols=shapes.flatmap(lambda shape: hnp.arrays(np.int32, shape, elements=wild, fill=st.just(0))))
def test_round_trip_of_any_symbols(symbols: np.ndarray, case: Case) -> None:
    symbols = case.possible(symbols)
    np.testing.assert_array_equal(round_trip(symbols, case.coder), symbols)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), shapes, st.sampled_from(KINDS))
def test_round_trip_under_any_contexts(backend: str, seed: int, shape: tuple[int, int, int], kind: str) -> None:
    case = make(backend, kind, seed)
    symbols = case.possible(np.round(np.random.default_rng(seed).laplace(size=shape) * 3).astype(np.int32))
    np.testing.assert_array_equal(round_trip(symbols, case.coder), symbols)


@pytest.mark.parametrize("kind", ["plain", "contexts"])
def test_latents_beyond_the_largest_symbol_are_clamped(backend: str, kind: str) -> None:
    symbols = np.zeros((CHANNELS, 1, 1), np.int32)
    for value, clamped in ((2**31 - 1, MAX_SYMBOL), (-(2**31), -MAX_SYMBOL)):
        symbols[3] = value
        assert round_trip(symbols, make(backend, kind).coder)[3] == clamped


@pytest.fixture
def trellis(backend: str) -> Case:
    """Of the states of the trellis."""
    return next(case for case in (make(backend, "dependent", seed) for seed in range(9)) if states_of(case) is TRELLIS)


def states_of(case: Case) -> object:
    assert isinstance(case.model.entropy, Contexts)
    return case.model.entropy.states


def test_two_quantisers_take_turns_by_the_parities_of_numbers_in_each_phase(trellis: Case) -> None:
    """A column has the phases 0, 3, 0, 3 in channel 0, and 3, 2, 3, 2 in channel 1."""
    symbols = np.zeros((CHANNELS, 4, 1), np.int32)
    symbols[0, :, 0] = 2, 8, -1, -4  # numbers 1 and -1 in phase 0: state 1, then 2; of phase 3: 4 and -2
    symbols[1, :, 0] = 6, 4, -5, 2  # numbers 3 and -3 in phase 3, which has remained at 0: 1, then 2
    numbers = trellis.coder.find_tables(symbols)[:2, :, 0]
    assert (numbers >= CHANNELS // 2).tolist() == [[False, False, True, False], [False, False, True, False]]
    np.testing.assert_array_equal(round_trip(symbols, trellis.coder), symbols)


@pytest.mark.parametrize(
    "levels", [[1], [-3], [2, 0, 2], [2, 0, 1, 0, 3], [MAX_SYMBOL + 4], [-MAX_SYMBOL - 4], [2, 0, MAX_SYMBOL + 1]]
)
def test_levels_that_no_quantiser_has_after_those_before_are_refused(trellis: Case, levels: list[int]) -> None:
    symbols = np.zeros((CHANNELS, 1, 5), np.int32)
    symbols[0, 0, : len(levels)] = levels
    for call in (trellis.coder.encode, trellis.coder.find_tables):
        with pytest.raises(ValueError, match="quantiser"):
            call(symbols)


def test_the_largest_levels_of_both_quantisers_are_coded(trellis: Case) -> None:
    symbols = np.zeros((CHANNELS, 1, 5), np.int32)
    symbols[0, 0] = MAX_SYMBOL, 0, 2, 0, 1 - MAX_SYMBOL
    np.testing.assert_array_equal(round_trip(symbols, trellis.coder), symbols)


def test_levels_of_another_quantiser_than_the_tables_have_an_infinite_price(trellis: Case) -> None:
    symbols = np.zeros((CHANNELS, 1, 5), np.int32)
    symbols[0, 0] = 2, 0, 1, 0, 4
    numbers = trellis.coder.find_tables(symbols)
    assert np.isfinite(trellis.coder.prices.bits(symbols, numbers)).all()
    assert np.isinf(trellis.coder.prices.bits(symbols + 1, numbers)[0]).all()


def test_guessed_tables_are_those_of_the_first_quantiser(trellis: Case) -> None:
    numbers = np.random.default_rng(0).integers(-9, 10, (CHANNELS, 5, 6), np.int32)
    found = trellis.coder.find_tables(trellis.possible(2 * numbers))
    np.testing.assert_array_equal(trellis.coder.guess_tables(numbers), found % (CHANNELS // 2))


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (5, 7), (32, 48)])
@pytest.mark.parametrize("spread", [0.0, 0.1, 2.0, 60.0])
def test_size_is_within_a_thousandth_and_16_bytes_of_the_ideal(
    case: Case, rows: int, columns: int, spread: float
) -> None:
    rng, coder = np.random.default_rng(1), case.coder
    symbols = case.possible(np.round(rng.laplace(size=(CHANNELS, rows, columns)) * spread).astype(np.int32))
    data, ideal = coder.encode(symbols), coder.bits(symbols).sum() / 8
    assert 0.999 * ideal - 16 <= len(data) <= 1.001 * ideal + 16


def test_the_ideal_counts_an_escape_and_its_bits(backend: str) -> None:
    """An escaped value costs its table's escape, 5 bits for its length, and its bits below the leading one."""
    cases = [(2000, 11), (-2000, 11), (2047, 11), (-2048, 12), (2**20, 21), (-(2**20), 21)]
    for table, (value, bits) in enumerate(cases):
        symbols = np.zeros((CHANNELS, 1, 1), np.int32)
        symbols[table] = value
        escape = TABLES.row(table)[-1]
        assert TABLES.first[table] > -2000
        ideal = plain(backend, TABLES).bits(symbols)
        assert ideal[table, 0, 0] == price(escape) + 5 + bits
        inner = price(TABLES.row(0)[-TABLES.first[0]])
        assert ideal[0, 0, 0] == (inner if table else ideal[0, 0, 0])
        assert (ideal[table + 1 :] == 0).all()  # channels after the last one in use are not coded


def one_table(height_at: int, step: int) -> Tables:
    """Of a density around one knot."""
    heights = np.zeros((1, len(KNOT_ARRAY)), np.int64)
    heights[0, height_at] = MAX_HEIGHT
    return frequency_tables(heights, np.array([step]), KNOT_ARRAY)


def test_any_value_may_escape(backend: str) -> None:
    tables = one_table(-2, 2**19)  # of large values only
    assert tables.first[0] > 3
    symbols = np.arange(-3, 4, dtype=np.int32).reshape(1, 1, 7)
    np.testing.assert_array_equal(round_trip(symbols, plain(backend, tables)), symbols)


def test_nothing_costs_next_to_nothing(coder: Coder) -> None:
    symbols = np.zeros((CHANNELS, 32, 48), np.int32)
    assert len(coder.encode(symbols)) <= 4


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_decode_to_what_can_be_coded_or_are_called_corrupt(coder: Coder, data: bytes) -> None:
    try:
        symbols = coder.decode(data, (CHANNELS, 3, 3))
    except Corrupt:
        return
    assert symbols.shape == (CHANNELS, 3, 3)
    assert np.abs(symbols).max() <= MAX_SYMBOL
    np.testing.assert_array_equal(round_trip(symbols, coder), symbols)


def test_a_stream_that_ends_in_ones_keeps_those_that_the_decoder_does_not_put_back(backend: str) -> None:
    coder = plain(backend, laplacian_tables(3))
    rows = [[-1, -1, -1, -1, 0, 0], [-11, 8, -8, 1, -1, -3], [-253, -169, 349, -89, 248, -196]]
    symbols = np.array(rows, np.int32)[:, None]
    assert coder.encode(symbols).endswith(b"\xfe\xff")  # of eight
    np.testing.assert_array_equal(round_trip(symbols, coder), symbols)


def test_a_missing_coder_in_c_is_told_once_and_not_where_numpy_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coder_module, "BACKEND", "numpy")
    monkeypatch.setattr(coder_module, "MISSING", "no module")
    coder_module._warn_once.cache_clear()
    with pytest.warns(RuntimeWarning, match=r"cannot be used \(no module\)") as told:
        for _ in range(2):
            coder_module.make_coder(TABLES, PlainWalk())
    assert len(told) == 1
    coder_module._warn_once.cache_clear()
    monkeypatch.setenv(coder_module.VARIABLE, "numpy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        coder_module.make_coder(TABLES, PlainWalk())


def test_prices_do_not_depend_on_the_last_digits_of_a_machines_logarithms() -> None:
    """Of all frequencies, the logarithm nearest to the middle between two prices is farther away than any error."""
    for first in range(1, TOTAL + 1, 2**20):
        frequencies = np.arange(first, min(first + 2**20, TOTAL + 1))
        bits = 24 - np.log2(frequencies)
        errors = np.abs(price(frequencies) - bits)
        assert errors.max() < 2.0 ** -(PRICE_BITS + 1) - 100 * np.spacing(24.0)
