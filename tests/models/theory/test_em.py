"""EM for mixtures: the likelihood rises, known components are found, and it is alternating maximisation of the ELBO."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lic.models.theory.em import (
    Mixture,
    condition,
    e_step,
    fit,
    m_step,
    mixture_elbo,
    spread_centres,
    start,
)
from lic.models.theory.gaussian import log_normal

KNOWN = Mixture(
    torch.tensor([0.5, 0.3, 0.2]).double(),
    torch.tensor([[0.0, 0.0], [6.0, 1.0], [-2.0, 7.0]]).double(),
    torch.tensor([[[1.0, 0.6], [0.6, 1.0]], [[0.5, 0.0], [0.0, 2.0]], [[1.5, -0.8], [-0.8, 1.0]]]).double(),
)


def data(n: int, seed: int = 0) -> torch.Tensor:
    return KNOWN.sample(n, torch.Generator().manual_seed(seed))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(5, 60),
    d=st.integers(1, 4),
    k=st.integers(1, 5),
    floor=st.sampled_from([1e-6, 1e-2, 1.0]),
    hard=st.booleans(),
)
def test_the_bound_never_falls(seed: int, n: int, d: int, k: int, floor: float, hard: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    y = torch.randn(n, d, generator=generator) * (1 + 3 * torch.rand(d, generator=generator))
    y[: n // 3] += 4
    steps = fit(y, k, hard=hard, iterations=15, floor=floor, generator=generator)
    for before, after in pairwise(steps):
        assert after.elbo >= before.elbo - 1e-9
        if not hard:
            assert after.log_likelihood >= before.log_likelihood - 1e-9


def test_e_step_closes_the_gap_and_the_m_step_opens_it() -> None:
    steps = fit(data(500), 3, generator=torch.Generator().manual_seed(1))
    for half in steps:
        if half.step == "E":
            assert half.elbo == pytest.approx(half.log_likelihood, abs=1e-8)
        else:
            assert half.elbo <= half.log_likelihood + 1e-12
    assert steps[1].log_likelihood - steps[1].elbo > 1e-6


def test_a_known_mixture_is_recovered() -> None:
    found = fit(data(4000), 3, generator=torch.Generator().manual_seed(0))[-1].mixture
    order = [int((found.means - mean).norm(dim=1).argmin()) for mean in KNOWN.means]
    assert sorted(order) == [0, 1, 2]
    assert torch.allclose(found.weights[order], KNOWN.weights, atol=0.03)
    assert torch.allclose(found.means[order], KNOWN.means, atol=0.15)
    assert torch.allclose(found.covariances[order], KNOWN.covariances, atol=0.2)


def test_one_component_is_the_mean_and_covariance_of_the_data() -> None:
    y = data(200)
    found = fit(y, 1)[-1].mixture
    assert torch.allclose(found.means[0], y.mean(0))
    assert torch.allclose(found.covariances[0], torch.cov(y.T, correction=0))


def test_hard_em_assigns_each_vector_whole() -> None:
    y = data(300)
    steps = fit(y, 3, hard=True, generator=torch.Generator().manual_seed(0))
    responsibilities = e_step(steps[-1].mixture, y, hard=True)
    assert set(responsibilities.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(responsibilities.sum(0), torch.ones(300).double())
    # Without the entropy of q, and with q the best single i: the mean of max_i ln p(i, y).
    best = steps[-1].mixture.log_joint(y).amax(0).mean()
    assert steps[-1].elbo == pytest.approx(float(best), abs=1e-6)


def test_without_the_entropy_the_best_q_is_hard_em() -> None:
    y = data(100)
    soft, hard = e_step(KNOWN, y), e_step(KNOWN, y, hard=True)
    for share in (0.0, 0.3, 0.9):  # of the way from the soft E step to the hard one
        q = soft + share * (hard - soft)
        assert mixture_elbo(KNOWN, y, q, hard=True).mean() < mixture_elbo(KNOWN, y, hard, hard=True).mean()
        assert mixture_elbo(KNOWN, y, q).mean() <= mixture_elbo(KNOWN, y, soft).mean()


def test_the_means_of_the_m_step_are_divided_by_the_responsibilities_and_not_by_n() -> None:
    y, r = data(500) + 10, e_step(KNOWN, data(500))  # far from zero, where a wrong divisor shows
    assert torch.allclose(m_step(y, r).means, r @ y / r.sum(1, keepdim=True))
    assert torch.allclose(m_step(y, r).means - 10, KNOWN.means, atol=0.4)
    assert not torch.allclose(r @ y / len(y) - 10, KNOWN.means, atol=3)


def test_far_away_vectors_do_not_underflow() -> None:
    y = torch.tensor([[0.0, 0.0], [1e4, -1e4]]).double()
    responsibilities = e_step(KNOWN, y)
    assert torch.isfinite(responsibilities).all()
    assert torch.allclose(responsibilities.sum(0), torch.ones(2).double())
    assert torch.isfinite(KNOWN.log_density(y)).all()


def test_identical_vectors_meet_the_floor_and_not_a_singularity() -> None:
    mixture = fit(torch.ones(10, 2), 3, floor=0.25)[-1].mixture
    assert torch.allclose(mixture.covariances, 0.25 * torch.eye(2).double())
    assert torch.isfinite(mixture.log_density(torch.ones(1, 2).double()))


def test_the_m_step_beats_any_neighbour_above_the_floor() -> None:
    y, floor = data(100), 0.8
    responsibilities = e_step(KNOWN, y)
    best = m_step(y, responsibilities, floor)
    bound = mixture_elbo(best, y, responsibilities).mean()
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        nudge = 0.05 * torch.randn(3, 2, 2, generator=generator).double()
        other = best._replace(
            means=best.means + 0.05 * torch.randn(3, 2, generator=generator).double(),
            covariances=best.covariances + nudge @ nudge.mT,
        )
        assert mixture_elbo(other, y, responsibilities).mean() < bound


def test_spread_centres_reach_every_distant_cluster() -> None:
    corners = torch.tensor([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0], [100.0, 100.0]]).repeat(25, 1)
    y = corners + torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    for seed in range(5):
        centres = spread_centres(y, 4, torch.Generator().manual_seed(seed))
        assert len((centres / 100).round().unique(dim=0)) == 4
    assert torch.allclose(start(y.double(), 4).weights, torch.full((4,), 0.25).double())


def test_conditioning_factors_the_joint_density() -> None:
    y = data(50)
    log_shares, means, covariances = condition(KNOWN, y[:, :1])
    log_conditional = log_shares + log_normal(y[:, 1:], means, covariances)
    over_x = Mixture(KNOWN.weights, KNOWN.means[:, :1], KNOWN.covariances[:, :1, :1])
    joint = over_x.log_density(y[:, :1]) + log_conditional.logsumexp(0)
    assert torch.allclose(joint, KNOWN.log_density(y))
