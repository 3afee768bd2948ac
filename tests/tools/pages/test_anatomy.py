"""The bits of a file are accounted for."""

import numpy as np
import pytest

from lic import encode
from lic.codec.entropy import chunks
from lic.codec.model.frozen import FrozenModel
from lic.tools.pages import closeup
from lic.tools.pages.anatomy import channel_density, dissect
from tests.conftest import Pixels

pytest.importorskip("matplotlib", reason="needs the extra `plot`")


@pytest.mark.parametrize("quality", [1, 60, 100])
def test_the_bits_of_the_latents_add_up_to_the_file(quality: float, photo: Pixels, tiny_model: FrozenModel) -> None:
    anatomy = dissect(encode(photo, quality=quality, model="tiny"), tiny_model)
    stored = 8 * len(chunks.pack(chunks.chunks_of(anatomy.symbols), tiny_model.at(anatomy.position).coder))
    assert anatomy.bits.sum() == pytest.approx(stored, rel=0.02, abs=64)
    assert anatomy.per_channel().sum() == pytest.approx(anatomy.bits.sum())
    assert anatomy.per_place().shape == (13, 17)


def test_escaped_latents_are_paid_for(tiny_model: FrozenModel) -> None:
    symbols = np.zeros((tiny_model.channels, 1, 2), np.int32)
    symbols[0, 0, 1] = 100_000
    bits = chunks.bits(symbols, tiny_model.at(0).coder)[0, 0]
    assert bits[1] > bits[0] + 5 + 17  # its length, and 2 x 100000 in binary


def test_a_density_has_area_one(tiny_model: FrozenModel) -> None:
    density = channel_density(tiny_model, 0, 256)
    area = np.sum((density.heights[1:] + density.heights[:-1]) / 2 * np.diff(density.knots))
    assert area == pytest.approx(1)


def test_error_maps_are_dark_where_nothing_is_wrong(photo: Pixels, tiny_model: FrozenModel) -> None:
    anatomy = dissect(encode(photo, quality=50, model="tiny"), tiny_model)
    decoded = photo.copy()
    decoded[:50] ^= 255
    errors = closeup.error_map(closeup.Examined("x", photo, decoded, anatomy))
    assert errors.shape == photo.shape
    assert errors[:50].mean() > 100 > 10 > errors[60:].mean()
