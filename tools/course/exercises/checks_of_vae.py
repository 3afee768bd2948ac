"""Checks of the exercises on Gaussians, autoencoders and their losses; `answer` is the learner's file."""

import math

import torch

from lic.models.theory import gaussian, likelihood
from lic.models.theory.gaussian import DiagonalGaussian
from lic.tools.course.exercises.checks_of_em import normal
from lic.tools.course.exercises.grader import Answer
from lic.tools.course.exercises.verdicts import Wrong, expect

Q = DiagonalGaussian(torch.tensor([0.5, -1.0]).double(), torch.tensor([0.2, -0.7]).double())
P = DiagonalGaussian(torch.tensor([0.1, 0.4]).double(), torch.tensor([0.6, 0.3]).double())


def gaussian_kl(answer: Answer) -> None:
    each = gaussian.kl(Q, P)
    expect(
        answer.kl(Q.mean, Q.deviation, P.mean, P.deviation),
        each.sum(),
        "Per coordinate: (s^2 + (a - b)^2) / 2 t^2 + ln(t / s) - 1/2, with s of q and t of p.",
        (each, "Sum over the coordinates."),
        (gaussian.kl(P, Q).sum(), "q and p are exchanged: KL is not symmetric, and the expectation is under q."),
        (each.sum() + 1, "Each coordinate lacks -1/2: the KL of q to itself is zero."),
        (each.sum() - 2 * (P.deviation / Q.deviation).log().sum(), "The logarithm has the wrong sign."),
    )


def standard_prior(answer: Answer) -> None:
    mean, deviation = answer.standardise(Q.mean, Q.deviation, P.mean, P.deviation)
    wanted = gaussian.standardise(Q, P)
    expect(
        mean,
        wanted.mean,
        "z' = (z - b) / t has mean zero and deviation one under the prior. What is its mean under q?",
        (Q.mean / P.deviation + P.mean, "Subtract the prior's mean, and before dividing (a lecture's slide adds it)."),
        (Q.mean / P.deviation - P.mean, "Subtract the prior's mean before dividing, not after."),
    )
    expect(deviation, wanted.deviation, "A change of unit by t changes a deviation by 1 / t.")
    weight, bias = normal(3, 2), normal(3)
    new_weight, new_bias = answer.absorb(weight, bias, P.mean, P.deviation)
    expect(
        new_weight,
        weight * P.deviation,
        "Put z = t z' + b into W z + c, and collect what multiplies z'.",
        (weight / P.deviation, "The layer undoes the division by t: multiply."),
    )
    expect(new_bias, weight @ P.mean + bias, "Put z = t z' + b into W z + c, and collect what does not depend on z'.")


def reparametrisation(answer: Answer) -> None:
    epsilon = normal(2)
    z, gradients = answer.gradients("sample", Q.mean, Q.log_variance, epsilon)
    expect(
        z,
        Q.sample(epsilon),
        "z = m + s epsilon.",
        (Q.mean + Q.log_variance.exp() * epsilon, "exp(ln s^2) is the variance; the noise is scaled by the deviation."),
        (Q.mean + Q.log_variance * epsilon, "ln s^2 is given: find s first."),
    )
    hint = "The sample must be differentiable: no detach(), no item(), no torch.normal."
    if gradients is None:
        raise Wrong(hint)
    for got, wanted in zip(gradients, (torch.ones(2), Q.deviation * epsilon / 2), strict=False):
        expect(0 if got is None else got, wanted, hint)


def generation(answer: Answer) -> None:
    weights, means = torch.tensor([0.2, 0.5, 0.3]).double(), torch.tensor([-5.0, 0.0, 7.0]).double()
    deviations, uniform = torch.tensor([1.0, 2.0, 0.5]).double(), torch.tensor([0.1, 0.2, 0.69, 0.71, 0.999]).double()
    epsilon, classes = normal(5), torch.tensor([0, 1, 1, 2, 2])
    wanted = means[classes] + deviations[classes] * epsilon
    expect(
        answer.ancestral_sample(weights, means, deviations, uniform, epsilon),
        wanted,
        "Compare each uniform number with the cumulative weights 0.2, 0.7, 1.0, and use mean and deviation of that "
        "class.",
        ((weights * (means + deviations * epsilon[:, None])).sum(1), "Choose one class; do not mix the classes."),
    )
    start, end = normal(3), normal(6)[3:]
    line = torch.stack([start + (end - start) * k / 4 for k in range(5)])
    expect(
        answer.walk(start, end, 5),
        line,
        "Step k of n is start + k / (n - 1) (end - start).",
        (torch.stack([start + (end - start) * k / 5 for k in range(5)]), "Both ends are included: divide by n - 1."),
    )


def linear_autoencoder(answer: Answer) -> None:
    y = normal(200, 4) * torch.tensor([0.3, 3.0, 1.0, 0.1]) @ torch.linalg.qr(normal(4, 4)).Q + 5
    components = answer.principal_components(y, 2)
    _, vectors = torch.linalg.eigh(torch.cov(y.T))
    wanted = vectors.flip(1)[:, :2]
    if isinstance(components, torch.Tensor) and components.shape == (2, 4):
        expect(components @ components.T, torch.eye(2), "The rows should have length one and be orthogonal.")
        expect(
            (components @ wanted).abs(),
            torch.eye(2),
            "Take the eigenvectors of the covariance with the largest eigenvalues, the largest first; eigh returns "
            "eigenvectors as columns, in rising order.",
        )
    else:
        expect(components, wanted.T, "Return the directions as rows.")
    centred = y - y.mean(0)
    expect(
        answer.reconstruct(y, wanted.T),
        centred @ wanted @ wanted.T + y.mean(0),
        "Subtract the mean, project on the components, expand them again, and add the mean.",
        (y @ wanted @ wanted.T, "The vectors do not have mean zero: encode y minus the mean, and add it in the end."),
        (centred @ wanted @ wanted.T, "Add the mean again."),
    )


def posterior_collapse(answer: Answer) -> None:
    variances, noise = torch.tensor([4.0, 1.0, 0.5, 0.1]).double(), 0.5
    expect(
        answer.posterior_variances(variances, noise),
        torch.tensor([0.125, 0.5, 1.0, 1.0]),
        "g / v above the noise; below it the posterior is the prior, with variance one.",
        (noise / variances, "A posterior is never wider than the prior: below the noise the variance is one."),
    )
    expect(
        answer.nats(variances, noise),
        torch.tensor([math.log(8) / 2, math.log(2) / 2, 0.0, 0.0]).double(),
        "ln(v / g) / 2 above the noise; a collapsed direction carries nothing.",
        ((variances / noise).log() / 2, "A KL is never negative: a collapsed direction has zero."),
    )


def l1_against_l2(answer: Answer) -> None:
    values = torch.tensor([7.0, 1.0, 9.0, 1.0, 6.0]).double()
    expect(
        answer.best_for_l2(values),
        4.8,
        "Set the derivative of sum (v - m)^2 by m to zero.",
        (6.0, "That is the best for L1. Exchange the two."),
    )
    expect(
        answer.best_for_l1(values),
        6.0,
        "The derivative of sum |v - m| counts how many values are above and below m; the best m balances them.",
        (4.8, "That is the best for L2, which blurs."),
        (1.0, "That is the smallest value, or the most frequent one: as many values should be above it as below."),
        (5.0, "That is the middle between the smallest and the largest: count values instead."),
        (9.0, "Sort the values first."),
    )
    prediction = torch.tensor(0.3).double()
    wanted = -likelihood.log_density("laplace", values, prediction, torch.tensor(0.3).double().log())
    expect(
        answer.laplace_nll(values, prediction, 0.3),
        wanted,
        "Take the negative logarithm of exp(-|v - m| / g) / 2g.",
        ((values - prediction).abs() / 0.3, "ln 2g is missing: with it a model can learn its scale."),
        (wanted.sum(), "One number for each value."),
    )


def differential_entropy(answer: Answer) -> None:
    gauss = DiagonalGaussian(torch.tensor(0.0).double(), torch.tensor(0.01).double().log())
    expect(
        answer.entropy_of_gaussian(0.1),
        gauss.entropy(),
        "-E ln p(X), for p the Gaussian: ln s + (1 + ln 2 pi) / 2. It may be negative.",
        (float(gauss.entropy()) / math.log(2), "That is in bits; nats are asked for."),
    )
    expect(
        answer.change_unit(1.0, 1000.0),
        1 + math.log(1000),
        "The density of a X is p(x) / a. What does that add to -ln p?",
        (1 - math.log(1000), "The sign is wrong: in smaller units X spreads over more of them."),
        (1000.0, "The factor is inside of a logarithm."),
    )
    expect(
        answer.bits_after_rounding(1.0, 0.01),
        (1 - math.log(0.01)) / math.log(2),
        "h - ln(width) is in nats. A bit is ln 2 nats.",
        (1 - math.log(0.01), "That is in nats."),
        ((1 + math.log(0.01)) / math.log(2), "The sign is wrong: narrow bins need more bits."),
    )
