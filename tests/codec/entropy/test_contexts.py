"""The contexts against their definition in plain loops, and what they may read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lic.codec.entropy.contexts import (
    ContextState,
    PointContexts,
    earlier_block,
    earlier_size,
    passes,
)
from lic.models.constants import CONTEXT_BLOCK, FEATURES, LEVEL_CHANNELS, PHASES

STRAIGHT = [(-1, 0), (1, 0), (0, -1), (0, 1)]
DIAGONAL = [(-1, -1), (-1, 1), (1, -1), (1, 1)]


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 3))
def test_phases_cover_every_position_once_and_read_only_what_is_decoded(rows: int, columns: int, turn: int) -> None:
    decoded: set[int] = {-1}
    for p in passes(rows, columns, turn):
        assert set(p.decoded.ravel().tolist()) <= decoded
        assert not decoded & set(p.places.tolist())
        decoded |= set(p.places.tolist())
    assert decoded == set(range(-1, rows * columns))


def test_each_class_of_positions_comes_first_in_a_quarter_of_the_channels() -> None:
    firsts = [passes(4, 4, turn)[0].places for turn in range(PHASES)]
    assert sorted(np.concatenate(firsts).tolist()) == [*range(16)]
    assert firsts[0].tolist() == [0, 2, 8, 10] and firsts[1].tolist() == [5, 7, 13, 15]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 6), (5, 1), (2, 2), (4, 5), (7, 3)])
def test_tables_are_those_of_the_definition(rows: int, columns: int) -> None:
    channels = 19
    rng, point = np.random.default_rng(rows + columns), random_contexts(rows + columns, channels)
    symbols = np.round(rng.laplace(size=(channels, rows, columns)) * 8).astype(int)
    state = ContextState(point, rows, columns)
    by_definition = chosen_tables(symbols, point)
    for c in range(channels):
        values = np.append(symbols[c].ravel(), 0)
        chosen = np.full(rows * columns, -1)
        for p in state.passes(c):
            chosen[p.places] = state.choose(c, p, values)
        np.testing.assert_array_equal(chosen.reshape(rows, columns), by_definition[c])
        state.add(c, values)


def chosen_tables(symbols: np.ndarray, point: PointContexts) -> np.ndarray:
    """The table of each symbol, from the text of contexts.py, symbol by symbol."""
    assert point.earlier is not None
    channels, rows, columns = symbols.shape
    out = np.empty(symbols.shape, int)
    sums = np.zeros((3, rows, columns), int)
    magnitudes = np.zeros(symbols.shape, int)

    def phase(c: int, y: int, x: int) -> int:
        return ({(0, 0): 0, (1, 1): 1, (0, 1): 2, (1, 0): 3}[y % 2, x % 2] - c) % 4

    def around(y: int, x: int, offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
        found = []
        for dy, dx in offsets:
            ny, nx = y + dy, x + dx
            ny = 1 if ny == -1 else rows - 2 if ny == rows else ny
            nx = 1 if nx == -1 else columns - 2 if nx == columns else nx
            if 0 <= ny < rows and 0 <= nx < columns:
                found.append((ny, nx))
        return found

    for c in range(channels):
        capped = np.minimum(np.abs(symbols[c]), 15)
        start, size = c // 8 * 8, min(8, channels - c // 8 * 8)
        for y in range(rows):
            for x in range(columns):
                p = phase(c, y, x)
                w = point.weights[c, p].tolist()
                straight = sum(capped[n] for n in around(y, x, STRAIGHT) if phase(c, *n) < p)
                diagonal = sum(capped[n] for n in around(y, x, DIAGONAL) if phase(c, *n) < p)
                estimate = 256 * (w[0] + w[7] * straight + w[8] * diagonal)
                for i in range(3):
                    estimate += w[1 + i] * sums[i, y, x] + w[4 + i] * sum(sums[i][n] for n in around(y, x, STRAIGHT))
                first = 2 * start * (start - 8) + (p * size + c - start) * start  # all blocks before have 8 channels
                for d in range(start):
                    estimate += 256 * int(point.earlier[first + d]) * magnitudes[d, y, x]
                bucket = sum(t <= estimate for t in point.thresholds.tolist())
                out[c, y, x] = point.tables[c, p, bucket]
        for y in range(rows):
            for x in range(columns):
                level = c < 8 and phase(c, y, x) == 0
                m = sum(capped[n] for n in around(y, x, STRAIGHT)) >> 2 if level else capped[y, x]
                magnitudes[c, y, x] = m
                f0, f1, f2 = (f[y, x] for f in sums)
                sums[:, y, x] = f0 - (f0 >> 1) + 256 * m, f1 - (f1 >> 3) + 256 * m, f2 + 256 * m
    return out


CHANNELS = 2 * CONTEXT_BLOCK + 3


def random_contexts(seed: int, channels: int = CHANNELS) -> PointContexts:
    rng = np.random.default_rng(seed)
    return PointContexts(
        weights=rng.integers(-(2**12), 2**16, (channels, PHASES, FEATURES)),
        thresholds=np.sort(rng.integers(0, 2**28, 20)),
        tables=rng.integers(0, 255, (channels, PHASES, 21)).astype(np.uint8),
        earlier=rng.choice([-(2**15), 2**15 - 1], earlier_size(channels)).astype(np.int16),
    )


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


def test_the_blocks_share_out_all_weights_of_earlier_magnitudes() -> None:
    packed = np.arange(earlier_size(CHANNELS))
    blocks = [earlier_block(packed, CHANNELS, start) for start in range(CONTEXT_BLOCK, CHANNELS, CONTEXT_BLOCK)]
    assert [block.shape for block in blocks] == [(PHASES, CONTEXT_BLOCK, CONTEXT_BLOCK), (PHASES, 3, 2 * CONTEXT_BLOCK)]
    np.testing.assert_array_equal(np.concatenate([block.ravel() for block in blocks]), packed)


def test_sums_over_earlier_channels_are_exact_at_their_largest() -> None:
    channels, cells = 320, 6 * 7 + 1
    rng = np.random.default_rng(0)
    point = random_contexts(0, channels)
    symbols = rng.integers(-40, 41, (channels, cells))
    symbols[:, -1] = 0
    state = ContextState(point, 6, 7)
    for c in range(channels - 1):
        state.add(c, symbols[c])
    start = channels - CONTEXT_BLOCK
    magnitudes = np.minimum(np.abs(symbols[:start]), 15)
    magnitudes[:LEVEL_CHANNELS] = state.past.magnitudes[:LEVEL_CHANNELS]
    assert point.earlier is not None
    expected = earlier_block(point.earlier.astype(np.int64), channels, start) @ magnitudes
    np.testing.assert_array_equal(state.past.earlier, expected)
