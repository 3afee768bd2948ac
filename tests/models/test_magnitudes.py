"""Contexts in the loss see only what was coded before, and charge what fits."""

import pytest
import torch
from torch import Tensor

from lic.models.constants import CONTEXT_BLOCK, LEVEL_CHANNELS, PHASES, PLACES
from lic.models.magnitudes import Magnitudes

CHANNELS = 18  # more than two blocks


def phase_of(channel: int, row: int, column: int) -> int:
    return (PLACES[row % 2][column % 2] - channel) % PHASES


def symbols(count: int, rows: int = 6, columns: int = 6, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-3, 4, (count, CHANNELS, rows, columns), generator=generator).float()


def random_magnitudes(points: int) -> Magnitudes:
    """Weights of all kinds, far above the smallest mu."""
    generator = torch.Generator().manual_seed(1)
    magnitudes = Magnitudes(points, CHANNELS)
    with torch.no_grad():
        for tensor in (*magnitudes.parameters(), magnitudes.feature_means, magnitudes.magnitude_means):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    return magnitudes


@pytest.mark.parametrize(("rows", "columns"), [(6, 6), (5, 7), (1, 4), (1, 1)])
def test_mu_depends_only_on_symbols_coded_before(rows: int, columns: int) -> None:
    magnitudes, point = random_magnitudes(1), torch.tensor([0])
    n = symbols(1, rows, columns).requires_grad_()
    mu = magnitudes(n, point)
    chosen = [(c, y, x) for c in (0, 3, 7, 8, 13, 17) for y in range(min(rows, 3)) for x in range(min(columns, 3))]
    for c, y, x in chosen:
        (gradient,) = torch.autograd.grad(mu[0, c, y, x], n, retain_graph=True)
        for d, v, u in gradient[0].nonzero().tolist():
            earlier_phase = d == c and phase_of(d, v, u) < phase_of(c, y, x)
            assert d < c or earlier_phase, f"{(c, y, x)} sees {(d, v, u)}"
            assert max(abs(v - y), abs(u - x)) <= 1 or d < LEVEL_CHANNELS  # levels count by their neighbours


def test_mu_sees_all_eight_neighbours_in_the_last_phase() -> None:
    magnitudes = random_magnitudes(1)
    n = (symbols(1).abs() + 1).requires_grad_()
    c = next(c for c in range(CHANNELS) if phase_of(c, 2, 2) == PHASES - 1)
    (gradient,) = torch.autograd.grad(magnitudes(n, torch.tensor([0]))[0, c, 2, 2], n)
    around = gradient[0, c, 1:4, 1:4]
    assert (around != 0).tolist() == [[True, True, True], [True, False, True], [True, True, True]]
    assert around[0, 1] == around[1, 0] != around[0, 0] == around[2, 2], "straight and diagonal weigh apart"


def test_mu_is_the_weighted_sum_of_its_definition() -> None:
    """At a position inside, in a channel of the third block."""
    magnitudes = random_magnitudes(2)
    n = symbols(2, seed=3)
    k, c, y, x = 1, 17, 2, 3
    mu = magnitudes(n, torch.tensor([0, k]))[1, c, y, x]
    size = n[1].abs()
    straight = torch.zeros_like(size)
    straight[:, 1:-1, 1:-1] = size[:, :-2, 1:-1] + size[:, 2:, 1:-1] + size[:, 1:-1, :-2] + size[:, 1:-1, 2:]
    detail = size.clone()
    for channel in range(LEVEL_CHANNELS):
        for row in range(1, 5):
            for column in range(1, 5):
                if phase_of(channel, row, column) == 0:
                    detail[channel, row, column] = straight[channel, row, column] / 4
    phase = phase_of(c, y, x)
    features = [torch.tensor(1.0)]
    cross = ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1))
    for kept in (0.5, 0.875, 1.0):
        decay = kept ** torch.arange(c - 1, -1, -1)
        features.append((decay * detail[:c, y, x]).sum())
    for kept in (0.5, 0.875, 1.0):
        decay = kept ** torch.arange(c - 1, -1, -1)
        features.append(sum(((decay * detail[:c, v, u]).sum() for v, u in cross), torch.tensor(0.0)))
    corners = ((y - 1, x - 1), (y + 1, x + 1), (y - 1, x + 1), (y + 1, x - 1))
    for places in (cross, corners):
        known = [size[c, v, u] for v, u in places if phase_of(c, v, u) < phase]
        features.append(sum(known, torch.tensor(0.0)))
    shares = magnitudes.shares[k, phase, c] / magnitudes.feature_means[k, :, c]
    blocks = c // CONTEXT_BLOCK * CONTEXT_BLOCK
    earlier = magnitudes.earlier[k, phase, c, :blocks] / magnitudes.magnitude_means[k, :blocks]
    expected = (shares * torch.stack(features)).sum() + (earlier * detail[:blocks, y, x]).sum()
    torch.testing.assert_close(mu, magnitudes.scale[k, phase, c] * expected)


def test_each_picture_is_charged_at_its_own_point_whatever_the_others() -> None:
    magnitudes, n = random_magnitudes(3), symbols(4)
    point = torch.tensor([2, 0, 1, 2])
    together = magnitudes.bits(n, magnitudes(n, point), point)
    for i in range(4):
        alone = magnitudes.bits(n[i : i + 1], magnitudes(n[i : i + 1], point[i : i + 1]), point[i : i + 1])
        torch.testing.assert_close(alone, together[i : i + 1])


def test_fitting_a_point_finds_what_its_symbols_depend_on() -> None:
    """Some positions are busy in all channels: only contexts can know."""
    generator = torch.Generator().manual_seed(0)
    busy = torch.rand(16, 1, 8, 8, generator=generator) < 0.3
    n = (3 * busy * torch.randn(16, 10, 8, 8, generator=generator)).round()
    magnitudes, point = Magnitudes(2, 10), torch.ones(16, dtype=torch.long)
    before = {name: value.clone() for name, value in magnitudes.state_dict().items()}
    magnitudes.fit(1, n, steps=80)
    with torch.no_grad():
        fitted = float(magnitudes.bits(n, magnitudes(n, point), point).sum())
    static = 0.0  # a lower bound on the bits by tables without contexts
    for channel in n.transpose(0, 1):
        _, counts = channel.unique(return_counts=True)
        static -= float((counts * (counts / counts.sum()).log2()).sum())
    assert fitted < 0.95 * static
    for name, value in magnitudes.state_dict().items():
        assert torch.equal(value[: len(value) // 2], before[name][: len(value) // 2]), (
            f"{name} of the other point moved"
        )
