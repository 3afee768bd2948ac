import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lic.codec.contexts import (
    DIAGONAL,
    FEATURES,
    FORGET,
    MAGNITUDE_CAP,
    PREDICTED_CHANNELS,
    PREDICTION_BITS,
    STRAIGHT,
    ContextState,
    PointContexts,
    passes,
)

CHANNELS = PREDICTED_CHANNELS + 3


def random_contexts(seed: int) -> PointContexts:
    rng = np.random.default_rng(seed)
    return PointContexts(
        weights=rng.integers(-(2**12), 2**16, (CHANNELS, 3, FEATURES)),
        prediction=rng.integers(-(2**12), 2**12, (PREDICTED_CHANNELS, 3, 4)),
        thresholds=np.sort(rng.integers(0, 2**28, 20)),
        index=rng.integers(0, 255, (CHANNELS, 3, 21)).astype(np.uint8),
    )


def mirrored(channel: list[list[int]], y: int, x: int) -> int | None:
    """The value at a place, mirrored at the edges without repeating them; nothing where a mirror has no room."""
    rows, columns = len(channel), len(channel[0])
    y = 1 if y < 0 else rows - 2 if y == rows else y
    x = 1 if x < 0 else columns - 2 if x == columns else x
    return channel[y][x] if 0 <= y < rows and 0 <= x < columns else None


def neighbour_sum(channel: list[list[int]], y: int, x: int, offsets: tuple[tuple[int, int], ...]) -> int:
    return sum(mirrored(channel, y + dy, x + dx) or 0 for dy, dx in offsets)


def choices_in_plain_python(symbols: list[list[list[int]]], point: PointContexts) -> dict[tuple[int, int, int], tuple]:
    """(table, prediction) of every symbol, by loops over single places, as FORMAT.md words it."""
    rows, columns = len(symbols[0]), len(symbols[0][0])
    sums = [[[0] * columns for _ in range(rows)] for _ in range(3)]
    out = {}
    for c, channel in enumerate(symbols):
        for y in range(rows):
            for x in range(columns):
                odd = (y + x) % 2 == 1
                if c < PREDICTED_CHANNELS:
                    number = 2 if odd else y % 2
                    known = STRAIGHT if odd else DIAGONAL if y % 2 else ()
                else:
                    number, known = int(odd), STRAIGHT if odd else ()
                weights = [int(w) for w in point.weights[c, number]]
                estimate = weights[0] << 8
                for i in range(3):
                    estimate += weights[1 + i] * sums[i][y][x]
                    estimate += weights[4 + i] * neighbour_sum(sums[i], y, x, STRAIGHT)
                caps = [[min(abs(v), MAGNITUDE_CAP) for v in row] for row in channel]
                estimate += weights[7] * (neighbour_sum(caps, y, x, known) << 8)
                bucket = sum(int(t) <= estimate for t in point.thresholds)
                prediction = 0
                if c < PREDICTED_CHANNELS and known:
                    values = [mirrored(channel, y + dy, x + dx) or 0 for dy, dx in known]
                    products = sum(int(w) * v for w, v in zip(point.prediction[c, number], values, strict=True))
                    prediction = (products + (1 << PREDICTION_BITS - 1)) >> PREDICTION_BITS
                out[c, y, x] = (int(point.index[c, number, bucket]), prediction)
        for y in range(rows):
            for x in range(columns):
                value = channel[y][x]
                if c < PREDICTED_CHANNELS:
                    value -= neighbour_sum(channel, y, x, STRAIGHT) >> 2
                magnitude = min(abs(value), MAGNITUDE_CAP) << 8
                for i, shift in enumerate((*FORGET, None)):
                    kept = sums[i][y][x] - (sums[i][y][x] >> shift) if shift else sums[i][y][x]
                    sums[i][y][x] = kept + magnitude
    return out


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 6), (2, 2), (4, 5), (7, 3)])
def test_contexts_are_what_the_format_words(rows: int, columns: int) -> None:
    rng = np.random.default_rng(rows * 10 + columns)
    symbols = np.round(rng.laplace(size=(CHANNELS, rows, columns)) * 8).astype(np.int64)
    point = random_contexts(3)
    expected = choices_in_plain_python(symbols.tolist(), point)
    state = ContextState(point, rows, columns)
    seen = set()
    for c in range(CHANNELS):
        values = np.append(symbols[c].ravel(), 0)
        for p in state.passes(c):
            tables, predictions = state.choose(c, p, values), state.predict(c, p, values)
            for place, table, prediction in zip(p.places, tables, predictions, strict=True):
                y, x = divmod(int(place), columns)
                assert expected[c, y, x] == (table, prediction)
                seen.add((c, y, x))
        state.add(c, values)
    assert seen == set(expected)


@given(st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_passes_cover_every_place_once_and_read_only_what_is_decoded(rows: int, columns: int, predicted: bool) -> None:
    decoded: set[int] = {-1}
    for p in passes(rows, columns, predicted):
        assert set(p.decoded.ravel().tolist()) <= decoded
        assert not decoded & set(p.places.tolist())
        decoded |= set(p.places.tolist())
    assert decoded == set(range(-1, rows * columns))


def test_a_batch_of_chunks_is_each_chunk_alone() -> None:
    rng = np.random.default_rng(0)
    point = random_contexts(1)
    chunks = rng.integers(-9, 10, (3, CHANNELS, 20 + 1))
    chunks[..., -1] = 0
    together = ContextState(point, 4, 5, (3,))
    alone = [ContextState(point, 4, 5) for _ in chunks]
    for c in range(CHANNELS):
        for p in together.passes(c):
            expected = [state.choose(c, p, chunk[c]) for state, chunk in zip(alone, chunks, strict=True)]
            np.testing.assert_array_equal(together.choose(c, p, chunks[:, c]), expected)
        together.add(c, chunks[:, c])
        for state, chunk in zip(alone, chunks, strict=True):
            state.add(c, chunk[c])
