"""Mean-field inference: each update raises the ELBO, which stays below the known evidence."""

from itertools import pairwise

import pytest
import torch
from torch.distributions import Gamma, Normal

from lic.models.theory.mean_field import (
    NormalGamma,
    coordinate_ascent,
    log_evidence,
    mean_field_elbo,
)

Y = 3 + 2 * torch.randn(30, generator=torch.Generator().manual_seed(0)).double()
PRIOR = NormalGamma(m=0.0, k=0.1, a=2.0, b=3.0)


def test_each_update_raises_the_bound_below_the_evidence() -> None:
    bounds = [bound for _, bound in coordinate_ascent(Y, PRIOR)]
    assert all(after >= before - 1e-10 for before, after in pairwise(bounds))
    assert bounds[3] > bounds[0]
    gap = log_evidence(PRIOR, Y) - bounds[-1]
    assert 0 < gap < 0.1  # the factorised q is not the posterior, but near it


def test_the_elbo_agrees_with_sampling() -> None:
    torch.manual_seed(0)
    q, bound = coordinate_ascent(Y, PRIOR)[-1]
    q_t, q_m = Gamma(torch.tensor(q.shape), torch.tensor(q.rate)), Normal(q.mean, q.precision**-0.5)
    t, m = q_t.sample((20000,)), q_m.sample((20000,))
    log_joint = Gamma(PRIOR.a, PRIOR.b).log_prob(t) + Normal(PRIOR.m, (PRIOR.k * t) ** -0.5).log_prob(m)
    log_joint = log_joint + Normal(m[:, None], t[:, None] ** -0.5).log_prob(Y).sum(1)
    draws = log_joint - q_t.log_prob(t) - q_m.log_prob(m)
    assert abs(draws.mean() - bound) < 4 * draws.std() / len(draws) ** 0.5


def test_the_evidence_is_the_integral_of_the_joint() -> None:
    y = Y[:3]
    t = torch.linspace(1e-4, 12, 1500, dtype=torch.float64)[:, None]
    m = torch.linspace(-12, 16, 1500, dtype=torch.float64)
    log_joint = Gamma(PRIOR.a, PRIOR.b).log_prob(t) + Normal(PRIOR.m, (PRIOR.k * t) ** -0.5).log_prob(m)
    for value in y:
        log_joint = log_joint + Normal(m, t**-0.5).log_prob(value)
    integral = torch.trapezoid(torch.trapezoid(log_joint.exp(), m), t[:, 0]).log()
    assert log_evidence(PRIOR, y) == pytest.approx(float(integral), abs=1e-3)


def test_coordinate_ascent_ends_where_no_single_factor_can_improve() -> None:
    q, bound = coordinate_ascent(Y, PRIOR)[-1]
    for nudge in (0.99, 1.01):
        for field in ("mean", "precision", "shape", "rate"):
            assert mean_field_elbo(q._replace(**{field: getattr(q, field) * nudge}), PRIOR, Y) < bound
