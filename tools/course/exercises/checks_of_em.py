"""Checks of the exercises on latent variables, EM and the ELBO; `answer` is the learner's file."""

import torch
from torch import Tensor

from lic.models.theory import elbo, em, factor_analysis
from lic.models.theory.gaussian import log_normal
from lic.tools.course.exercises.grader import Answer
from lic.tools.course.exercises.verdicts import Wrong, expect

Y = torch.tensor([-2.0, -1.0, -0.5, 0.5, 1.5, 4.0, 5.0]).double()
VECTORS = Y[:, None]  # the same numbers, for mixtures in one dimension
MIXTURE = em.Mixture(
    torch.tensor([0.3, 0.7]).double(), torch.tensor([[-1.0], [2.0]]).double(), torch.tensor([[[0.5]], [[2.0]]]).double()
)
LOG_PRIOR = torch.tensor([0.5, 0.3, 0.2]).double().log()
LOG_LIKELIHOOD = torch.tensor([-3.0, -1.0, -2.5]).double()
Q = torch.tensor([0.2, 0.7, 0.1]).double()


def normal(*shape: int) -> Tensor:
    """The same standard normal numbers at each call."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def latent_variables(answer: Answer) -> None:
    log_likelihood = torch.stack([LOG_LIKELIHOOD, LOG_LIKELIHOOD.flip(0)], dim=1)
    log_joint = LOG_PRIOR[:, None] + log_likelihood
    evidence = log_joint.logsumexp(0)
    expect(
        answer.log_evidence(LOG_PRIOR, log_likelihood),
        evidence,
        "Sum p(z) p(y|z) over the values of z, which are in dimension 0, not over the observations.",
        (log_likelihood.logsumexp(0), "The prior is missing: p(z) weights p(y|z)."),
        (log_joint.sum(0), "That is the product of the probabilities. They are to be added before the logarithm."),
    )
    expect(
        answer.log_evidence(LOG_PRIOR, log_likelihood - 5000),
        evidence - 5000,
        "With small probabilities exp() becomes zero. Let torch.logsumexp do the sum.",
    )
    expect(
        answer.log_posterior(LOG_PRIOR, log_likelihood),
        log_joint - evidence,
        "p(z|y) = p(z) p(y|z) / p(y): in logarithms a sum and a difference. Over z, p(z|y) adds up to one.",
        (log_joint, "That is ln p(z, y). Subtract ln p(y)."),
        (log_joint - log_joint.logsumexp(1, keepdim=True), "Normalise over z, dimension 0, not over the observations."),
    )
    expect(
        answer.log_posterior(LOG_PRIOR, log_likelihood - 5000),
        log_joint - evidence,
        "With small probabilities exp() becomes zero. Stay with logarithms here, too.",
    )


def mixture_em(answer: Answer) -> None:
    weights, means, variances = MIXTURE.weights, MIXTURE.means[:, 0], MIXTURE.covariances[:, 0, 0]
    r = em.e_step(MIXTURE, VECTORS)
    unweighted = MIXTURE.log_likelihoods(VECTORS).softmax(0)
    expect(
        answer.e_step(weights, means, variances, Y),
        r,
        "p(i|y) is w_i N(y; m_i, v_i), divided by its sum over i. N contains 1 / sqrt(2 pi v_i), which differs by i.",
        (unweighted, "The weights w_i are missing."),
        (MIXTURE.log_joint(VECTORS).exp(), "Divide by p(y), so that the responsibilities for each y add up to one."),
    )
    fitted = em.m_step(VECTORS, r)
    new_weights, new_means, new_variances = answer.m_step(Y, r)
    expect(new_weights, fitted.weights, "A weight is the mean of the component's responsibilities.")
    expect(
        new_means,
        fitted.means[:, 0],
        "A mean is the average of y, weighted by the component's responsibilities.",
        (r @ Y / len(Y), "Divide by the sum of the component's responsibilities instead of N."),
    )
    counts = r.sum(1)
    expect(
        new_variances,
        fitted.covariances[:, 0, 0],
        "A variance is the weighted average of (y - m_i)^2, with the new m_i.",
        (r @ Y**2 / counts, "Measure from the component's new mean instead of zero."),
        ((r * (Y - means[:, None]) ** 2).sum(1) / counts, "Measure from the new mean instead of the old one."),
    )


def em_as_ascent(answer: Answer) -> None:
    log_weights, log_likelihood = MIXTURE.log_prior(), MIXTURE.log_likelihoods(VECTORS)
    q = normal(2, len(Y)).softmax(0)
    bound = em.mixture_elbo(MIXTURE, VECTORS, q)
    expect(
        answer.bound(log_weights, log_likelihood, q),
        bound.mean(),
        "For each observation E_q [ln p(z) + ln p(y|z) - ln q(z|y)], a sum over z; then the mean over observations.",
        (bound.sum(), "Take the mean over the observations."),
        (em.mixture_elbo(MIXTURE, VECTORS, q, hard=True).mean(), "The entropy of q is missing."),
    )
    expect(
        answer.best_q(log_weights, log_likelihood),
        em.e_step(MIXTURE, VECTORS),
        "ELBO = ln p(y) - KL(q(z|y), p(z|y)): it is largest where q is the posterior.",
        (log_likelihood.softmax(0), "The posterior depends on p(z), too."),
        (em.e_step(MIXTURE, VECTORS, hard=True), "That maximises the bound without the entropy of q: hard EM."),
    )
    expect(
        answer.best_weights(q),
        em.m_step(VECTORS, q).weights,
        "Only E_q ln p(z) depends on the weights: the best ones are how often z occurs under q.",
        (q.sum(1), "The weights add up to one."),
    )


def em_as_gradient(answer: Answer) -> None:
    means = MIXTURE.means.clone().requires_grad_()
    mixture = em.Mixture(MIXTURE.weights, means, torch.ones(2, 1, 1).double())
    r = em.e_step(mixture, VECTORS).detach()
    (gradient,) = torch.autograd.grad(mixture.log_density(VECTORS).sum(), means)
    old = MIXTURE.means[:, 0]
    expect(
        answer.gradient_of_means(Y, old, r),
        gradient[:, 0],
        "The gradient of ln p(i, y) by m_i is y - m_i (the variance is one). Take its expectation under p(i|y), and "
        "the sum over the numbers.",
        ((Y - old[:, None]).sum(1), "Weight each number by p(i|y)."),
        (-gradient[:, 0], "The sign is wrong: a larger mean explains larger numbers better."),
        (gradient[:, 0] / len(Y), "This is the gradient of the mean over the numbers; the sum is asked for."),
    )
    expect(
        answer.em_means(old, gradient[:, 0], r),
        em.m_step(VECTORS, r).means[:, 0],
        "EM's mean is sum_j r_j y_j / sum_j r_j. Write it as the old mean plus something times the gradient.",
        (old + gradient[:, 0] / len(Y), "The step size differs by component: it is not 1 / N."),
        (old + gradient[:, 0], "One step size is right for no component: how many numbers does each explain?"),
    )


def hard_em(answer: Answer) -> None:
    log_joint = MIXTURE.log_joint(VECTORS)
    q = em.e_step(MIXTURE, VECTORS, hard=True)
    expect(
        answer.hard_e_step(log_joint),
        q,
        "Each column has a one where ln p(z, y) is largest, and zeros elsewhere.",
        (log_joint.softmax(0), "That is the soft E step: put all of q on the best z."),
    )
    three = normal(3, 8)
    best = torch.nn.functional.one_hot(three.argmax(0), 3).T.double()
    expect(answer.hard_e_step(three), best, "There may be any number of values of z, here three.")
    soft = log_joint.softmax(0)
    expect(
        answer.hard_elbo(log_joint, soft),
        elbo.expectation(log_joint, soft),
        "It is the expectation of ln p(z, y) under q, for each observation on its own.",
        (em.mixture_elbo(MIXTURE, VECTORS, soft), "That is the ELBO. The hard one has no entropy of q."),
    )


def colour_by_segment(answer: Answer) -> None:
    segments = normal(2, 5).softmax(0)
    colours = torch.tensor([[0.9, 0.5, 0.2], [0.1, 0.4, 0.8]]).double()
    expect(
        answer.expected_colour(segments, colours),
        segments.T @ colours,
        "Average the mean colours of the segments, each weighted by P(z|x) of the pixel.",
        (colours[segments.argmax(0)], "That is the colour of the most probable segment. Average over all of them."),
    )
    y, variance = normal(5, 3).sigmoid(), 0.04
    each = log_normal(y, colours[:, None], torch.eye(3).double() * variance)
    expect(
        answer.log_density(segments, colours, variance, y),
        (segments.log() + each).logsumexp(0),
        "For each segment add ln P(z|x) to the logarithm of a Gaussian of three values, then logsumexp over segments.",
        ((segments * each).sum(0), "That is the expectation of the logarithms. Take the logarithm of the expectation."),
        (each.logsumexp(0), "P(z|x) is missing."),
    )


def elbo_four_ways(answer: Answer) -> None:
    log_joint = LOG_PRIOR + LOG_LIKELIHOOD
    evidence, entropy = log_joint.logsumexp(0), elbo.entropy_estimate(Q.log(), Q)
    hard = elbo.hard_elbo(LOG_PRIOR, LOG_LIKELIHOOD, Q)
    expect(
        answer.log_ratio(LOG_PRIOR, LOG_LIKELIHOOD, Q),
        elbo.elbo(LOG_PRIOR, LOG_LIKELIHOOD, Q.log(), Q),
        "log_ratio: ln p(z, y) is ln p(z) + ln p(y|z); take the expectation of the difference to ln q under q.",
        (hard, "log_ratio: That is the hard ELBO, without the entropy of q."),
        (hard - entropy, "log_ratio: The sign of the entropy is wrong."),
    )
    to_posterior = elbo.kl_estimate(Q.log(), log_joint - evidence, Q)
    expect(
        answer.evidence_and_kl(LOG_PRIOR, LOG_LIKELIHOOD, Q),
        (evidence, to_posterior),
        "evidence_and_kl: ln p(y) does not depend on q. The KL is to the posterior, p(z, y) / p(y), under q.",
        ((evidence, -to_posterior), "evidence_and_kl: The sign of the KL is wrong: this would exceed ln p(y)."),
        (
            (evidence, elbo.kl_estimate(Q.log(), LOG_PRIOR, Q)),
            "evidence_and_kl: That KL is to the prior, not to the posterior.",
        ),
    )
    to_prior, likelihood = elbo.kl_estimate(Q.log(), LOG_PRIOR, Q), elbo.expectation(LOG_LIKELIHOOD, Q)
    expect(
        answer.reconstruction_and_kl(LOG_PRIOR, LOG_LIKELIHOOD, Q),
        (likelihood, to_prior),
        "reconstruction_and_kl: E_q ln p(y|z) has no prior in it; KL(q, p(z)) = E_q [ln q(z|y) - ln p(z)].",
        ((hard, to_prior), "reconstruction_and_kl: E_q ln p(y|z) has no prior in it."),
        ((likelihood, -to_prior), "reconstruction_and_kl: The sign of the KL is wrong: it is never negative."),
        ((likelihood, to_posterior), "reconstruction_and_kl: That KL is to the posterior, not to the prior."),
    )
    expect(
        answer.joint_and_entropy(LOG_PRIOR, LOG_LIKELIHOOD, Q),
        (hard, entropy),
        "joint_and_entropy: E_q ln p(z, y), and H(q) = -E_q ln q(z|y), which is positive.",
        ((hard, -entropy), "joint_and_entropy: The sign of the entropy is wrong."),
        ((likelihood, entropy), "joint_and_entropy: ln p(z, y) is ln p(z) + ln p(y|z)."),
    )


def elbo_estimators(answer: Answer) -> None:
    z = 1.0 + 0.5 * normal(1000)  # samples of q = N(1, 1/4); the model: z ~ N(0, 1), y|z ~ N(z, 1), y = 3
    one = torch.ones(1, 1).double()
    log_prior, log_likelihood = log_normal(z[:, None], 0 * one, one), log_normal(z[:, None], 3 * one, one)
    log_q = log_normal(z[:, None], one, one / 4)
    kl = (0.25 + 1 - 1 - torch.tensor(0.25).log()) / 2
    first = answer.from_densities(log_prior, log_likelihood, log_q)
    expect(
        first,
        log_prior + log_likelihood - log_q,
        "One value per sample: ln [p(z) p(y|z) / q(z|y)].",
        (log_prior + log_likelihood, "That estimates the hard ELBO: -ln q(z|y) is missing."),
    )
    second = answer.with_closed_kl(log_likelihood, kl)
    expect(
        second,
        log_likelihood - kl,
        "One value per sample: ln p(y|z), minus the KL, which is the same for all samples.",
        (log_likelihood + kl, "The sign is wrong: the KL lowers the bound."),
    )


def factor_posterior(answer: Answer) -> None:
    model = factor_analysis.FactorAnalysis(normal(4, 2), torch.tensor([0.5, 0.8, 0.3, 1.0]).double(), torch.zeros(4))
    y = normal(3, 4)
    means, covariance = model.posterior(y)
    got_means, got_covariance = answer.posterior(model.loadings, model.noise, y)
    expect(
        got_covariance,
        covariance,
        "G is the inverse of I + W^T Psi^-1 W. Psi is diagonal: divide the rows of W by psi.",
        (torch.linalg.inv(covariance), "That is the inverse of G."),
    )
    expect(got_means, means, "The mean is G W^T Psi^-1 y. With the y as rows: Y Psi^-1 W G.")
    expect(
        answer.second_moments(means, covariance),
        covariance + means[:, :, None] * means[:, None, :],
        "E[z z^T] is the covariance plus the outer product of the mean with itself.",
        (means[:, :, None] * means[:, None, :], "The covariance is missing."),
    )


def mean_field_update(answer: Answer) -> None:
    mean, precision = torch.tensor([1.0, -2.0]).double(), torch.tensor([[2.0, 0.6], [0.6, 1.5]]).double()
    other = torch.tensor(0.5).double()
    best, variance = answer.update_first(mean, precision, other)
    shift = precision[0, 1] / precision[0, 0] * (other - mean[1])
    expect(
        best,
        mean[0] - shift,
        "The terms with z_1 are -P_11 (z_1 - m_1)^2 / 2 - P_12 (z_1 - m_1)(z_2 - m_2). Put E z_2 in, and find the top.",
        (mean[0] + shift, "The sign is wrong: where P_12 is positive, z_1 and z_2 move in opposite directions."),
    )
    expect(
        variance,
        1 / precision[0, 0],
        "ln q_1 is -P_11 z_1^2 / 2 + ...: which variance does that Gaussian have?",
        (
            torch.linalg.inv(precision)[0, 0],
            "That is the variance of p. The mean-field one is smaller: it is what is left of z_1 once z_2 is known.",
        ),
    )
    for _ in range(50):  # alternate: the means of both converge to those of p
        best, _ = answer.update_first(mean, precision, other)
        other, _ = answer.update_first(mean.flip(0), precision.flip(0, 1), best)
    if abs(best - mean[0]) > 1e-6:
        raise Wrong("Alternating updates of both coordinates should end at the means of p.")
