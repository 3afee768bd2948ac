"""The values of the contexts are tested in test_format.py, against plain loops."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lic.codec.entropy.contexts import (
    BLOCK,
    FEATURES,
    PREDICTED_CHANNELS,
    ContextState,
    PointContexts,
    earlier_block,
    earlier_size,
    passes,
)

CHANNELS = 2 * BLOCK + 3


def random_contexts(seed: int) -> PointContexts:
    rng = np.random.default_rng(seed)
    return PointContexts(
        weights=rng.integers(-(2**12), 2**16, (CHANNELS, 3, FEATURES)),
        prediction=rng.integers(-(2**12), 2**12, (PREDICTED_CHANNELS, 3, 4)),
        thresholds=np.sort(rng.integers(0, 2**28, 20)),
        tables=rng.integers(0, 255, (CHANNELS, 3, 21)).astype(np.uint8),
        earlier=rng.integers(-(2**15), 2**15, earlier_size(CHANNELS)).astype(np.int16),
    )


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


def test_the_blocks_share_out_all_weights_of_earlier_magnitudes() -> None:
    packed = np.arange(earlier_size(CHANNELS))
    blocks = [earlier_block(packed, CHANNELS, start) for start in range(BLOCK, CHANNELS, BLOCK)]
    assert [block.shape for block in blocks] == [(2, BLOCK, BLOCK), (2, 3, 2 * BLOCK)]
    np.testing.assert_array_equal(np.concatenate([block.ravel() for block in blocks]), packed)


def test_sums_over_earlier_channels_are_exact_at_their_largest() -> None:
    channels, cells = 320, 6 * 7 + 1
    rng = np.random.default_rng(0)
    point = random_contexts(0)._replace(
        weights=np.zeros((channels, 3, FEATURES), np.int64),
        earlier=rng.choice([-(2**15), 2**15 - 1], earlier_size(channels)).astype(np.int16),
    )
    symbols = rng.integers(-40, 41, (channels, cells))
    symbols[:, -1] = 0
    state = ContextState(point, 6, 7)
    for c in range(channels - 1):
        state.add(c, symbols[c])
    start = channels - BLOCK
    magnitudes = np.minimum(np.abs(symbols[:start]), 15)
    magnitudes[:PREDICTED_CHANNELS] = state.past.magnitudes[:PREDICTED_CHANNELS]
    expected = earlier_block(point.earlier.astype(np.int64), channels, start) @ magnitudes
    np.testing.assert_array_equal(state.past.earlier, expected)
