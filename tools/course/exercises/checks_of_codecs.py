"""Checks of the exercises on rates, channels and codes; `answer` is the learner's file."""

import math
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from lic.models import distortion, gdn, quantisation, transforms
from lic.models.density import PiecewiseLinearDensity
from lic.models.theory import elbo, noisy_channel
from lic.tools.course.exercises.checks_of_em import normal
from lic.tools.course.exercises.grader import Answer
from lic.tools.course.exercises.verdicts import Wrong, expect

BIT = math.log(2)


def rate_bound(answer: Answer) -> None:
    channel, prior = normal(5, 3).softmax(1), torch.tensor([0.5, 0.3, 0.2]).double()
    marginal = channel.mean(0)

    def mean_kl(to: Tensor) -> Tensor:
        return elbo.kl_estimate(channel.log().T, to.log()[:, None], channel.T).mean()

    expect(
        answer.mutual_information(channel),
        mean_kl(marginal),
        "The KL of each q(z|y) to their mean over y, in nats; then the mean over y.",
        (5 * mean_kl(marginal), "Take the mean over y instead of the sum."),
        (mean_kl(marginal) / BIT, "That is in bits; nats are asked for."),
    )
    expect(
        answer.rate(channel, prior),
        mean_kl(prior),
        "The KL of each q(z|y) to p(z); then the mean over y.",
        (5 * mean_kl(prior), "Take the mean over y instead of the sum."),
    )
    expect(
        answer.excess(channel, prior),
        mean_kl(prior) - mean_kl(marginal),
        "It is KL(q(z), p(z)) with q(z) the mean of the channel over y.",
        (elbo.kl_estimate(prior.log(), marginal.log(), prior), "The KL is the other way round: expect under q(z)."),
    )


def trade_off(answer: Answer) -> None:
    right = noisy_channel.noise_variance(0.01)
    expect(
        answer.noise_variance(0.01),
        right,
        "Per pixel, -ELBO in bits is rate + sum of three squares / (2 g^2 ln 2); lambda * MSE is lambda / 3 times that "
        "sum.",
        (right / 3, "MSE is the mean over three values of a pixel; the ELBO has their sum."),
        (right * BIT, "The rate is in bits, the ELBO in nats: ln 2 is missing."),
        (right * BIT / 3, "The rate is in bits, and MSE is a mean over three values: 3 / ln 2 is missing."),
    )
    rates, distortions = torch.tensor([0.1, 0.5, 1.0, 2.0]), torch.tensor([100.0, 40.0, 20.0, 8.0])
    for lambda_, best in ((0.001, 0), (0.01, 1), (0.04, 2), (0.2, 3)):
        expect(
            answer.best_point(rates, distortions, lambda_),
            best,
            "The setting with the smallest rate + lambda * distortion. A large lambda buys quality.",
        )


def divisive_normalisation(answer: Answer) -> None:
    layer = gdn.GDN(3).double()
    x, beta, gamma = normal(2, 3, 4, 5), torch.tensor([1.0, 0.5, 2.0]).double(), normal(3, 3).square()
    with torch.no_grad():
        layer.beta_root.copy_(gdn.to_root(beta))
        layer.gamma_root.copy_(gdn.to_root(gamma))
        wanted = layer(x)
        layer.gamma_root.copy_(gdn.to_root(gamma.T))
        transposed = layer(x)
    pool = torch.einsum("ij,bjhw->bihw", gamma, x**2) + beta[:, None, None]
    expect(
        answer.normalise(x, beta, gamma),
        wanted,
        "For channel i sum gamma_ij x_j^2 over the channels j of the same position, add beta_i, take the root, divide.",
        (transposed, "gamma is transposed: the first index is that of the channel that is divided."),
        (x / pool, "Divide by the square root."),
        (x * pool.sqrt(), "That is the inverse, for the decoder."),
    )


def sub_pixel(answer: Answer) -> None:
    x = torch.arange(2 * 12 * 2 * 3).reshape(2, 12, 2, 3).double()
    expect(
        answer.depth_to_space(x, 2),
        transforms.depth_to_space(x, 2),
        "Split the channels into r, r and C, then permute to B, C, H, r, W, r before the last reshape.",
        (torch.pixel_shuffle(x, 2), "Here c runs fastest: torch.pixel_shuffle orders channels as (c r + i) r + j."),
        (x.reshape(2, 3, 4, 6), "A reshape alone mixes rows with channels: permute the dimensions first."),
    )
    y = torch.arange(18 * 2 * 3).reshape(1, 18, 2, 3).double()
    expect(answer.depth_to_space(y, 3), transforms.depth_to_space(y, 3), "It is right for r = 2, but not for r = 3.")


def noise_and_rounding(answer: Answer) -> None:
    y = torch.tensor([-1.5, -0.5, -0.2, 0.5, 1.5, 2.5]).double()
    rounded = quantisation.quantise(y, "round")
    expect(
        answer.round_half_up(y),
        rounded,
        "floor(y + 1/2).",
        (y.round(), "torch.round takes the even one of two integers that are equally near."),
        (y.floor(), "That rounds down always."),
    )
    v = torch.tensor([-1.0, 0.0, 0.3, 2.0]).double()
    wanted = torch.special.ndtr(v + 0.5) - torch.special.ndtr(v - 0.5)
    expect(
        answer.noisy_density(torch.special.ndtr, v),
        wanted,
        "y + u = v is possible for every y from v - 1/2 to v + 1/2, so integrate p(y) over that interval.",
        (-wanted, "The sign is wrong: F rises."),
        (torch.special.ndtr(v + 1) - torch.special.ndtr(v), "The interval is centred on v."),
    )
    got, gradients = answer.gradients("straight_through", y)
    expect(got, rounded, "Its values are those of rounding.")
    if gradients is None:
        raise Wrong("The result has no gradient: only the difference between y and its rounded value is detached.")
    expect(gradients[0], torch.ones(6), "The gradient is one: y + (rounded - y).detach().")


def piecewise_linear(answer: Answer) -> None:
    density = PiecewiseLinearDensity(1).double()
    with torch.no_grad():
        density.unit.fill_(1.0)
        density.log_heights.add_(0.3 * normal(*density.log_heights.shape))
        heights = density.heights()[0]
        y = torch.linspace(-20, 20, 33).double() + 0.1
        wanted = density.cdf(y[None, None])[0, 0]
        knots = density.knots
        i = torch.bucketize(y, knots[1:-1])
        starts = density.cdf(knots[i][None, None])[0, 0]
    expect(
        answer.cdf(knots, heights, y),
        wanted,
        "Add the areas of the whole segments below y, and of the part of y's own segment.",
        (starts, "The part of y's own segment is missing."),
        (
            starts + (y - knots[i]) * heights[i],
            "Within the segment the density is not constant: the part is a trapezium.",
        ),
    )
    expect(answer.cdf(knots, heights, knots[[0, -1]]), [0.0, 1.0], "F rises from zero at the first knot to one.")


def arithmetic_coding(answer: Answer) -> None:
    probabilities = [Fraction(1, 2), Fraction(1, 6), Fraction(1, 3)]
    low, width = answer.encode([2, 0, 1], probabilities)
    expect(
        float(width),
        1 / 36,
        "Each symbol multiplies the width by its probability.",
    )
    expect(
        float(low),
        2 / 3 + 1 / 12,
        "Each symbol moves the beginning by the width so far times the probabilities of the smaller symbols.",
        (2 / 3 + 1 / 2, "The shift is relative to the interval so far: multiply by its width, before it is narrowed."),
        (2 / 9 + 1 / 72, "Use the width before this symbol has narrowed it."),
    )
    message = [int(symbol) for symbol in np.random.default_rng(0).choice(3, 200, p=[1 / 2, 1 / 6, 1 / 3])]
    low, width = Fraction(0), Fraction(1)
    for symbol in message:
        low, width = low + width * sum(probabilities[:symbol]), width * probabilities[symbol]
    exact = "Stay with fractions: a float has 53 bits, and the interval of a long message needs many more."
    expect(answer.encode(message, probabilities), (low, width), exact)
    for number in (low, low + width * Fraction(99, 100)):
        expect(
            answer.decode(number, len(message), probabilities),
            message,
            "Find the symbol whose part contains the number; then stretch that part to [0, 1), and go on. A number at "
            "the beginning of a part belongs to it. (And stay with fractions.)",
        )


def adaptive_coding(answer: Answer) -> None:
    symbols, contexts = [0, 0, 0, 1, 1, 1, 0, 1], [5, 5, 5, 9, 9, 9, 5, 9]
    right = 2 * math.log2(5)  # 1/2 2/3 3/4 4/5 = 1/5 in each context
    expect(
        answer.adaptive_bits(symbols, contexts, 2),
        right,
        "Each context has counts of its own, which begin at one. Code with the counts before this symbol.",
        (math.log2(math.comb(8, 4) * 9), "All contexts share their counts."),
        (2 * math.log2(3), "A symbol is counted before it is coded: the decoder could not follow."),
        (right * BIT, "That is in nats."),
    )
    expect(answer.adaptive_bits([3], [0], 4), 2.0, "With all counts at one, each of four symbols costs two bits.")
    expect(
        answer.adaptive_bits([0, 1], [7, 7], 4),
        2 + math.log2(5),
        "The alphabet may have symbols that do not occur: they have a count of one, too.",
        (1 + math.log2(3), "The alphabet has four symbols here, though only two occur: all have a count of one."),
    )


def conditional_coding(answer: Answer) -> None:
    joint = torch.tensor([[0.3, 0.05, 0.05], [0.1, 0.2, 0.3]]).double()
    whole = elbo.entropy_estimate(joint.log2().flatten(), joint.flatten())
    y, x = joint.sum(0), joint.sum(1)
    h_y, h_x = (elbo.entropy_estimate(p.log2(), p) for p in (y, x))
    expect(
        answer.bits(joint),
        h_y,
        "Add up P(x, y) over x, which is in the rows, to get P(y); then -sum P log2 P.",
        (h_x, "That is H(x)."),
        (whole, "That is H(x, y), of both."),
        (h_y * BIT, "That is in nats."),
    )
    expect(
        answer.bits_given(joint),
        whole - h_x,
        "-sum P(x, y) log2 P(y|x), with P(y|x) = P(x, y) / P(x).",
        (whole - h_y, "That is H(x|y)."),
        (h_y + h_x - whole, "That is I(x, y), what x saves."),
        ((whole - h_x) * BIT, "That is in nats."),
    )


def hierarchy(answer: Answer) -> None:
    prior = torch.tensor([0.8, 0.2]).double()
    conditional = torch.tensor([[0.9, 0.08, 0.02], [0.3, 0.4, 0.3]]).double()
    for z in (torch.tensor([0, 0, 1, 0]), torch.tensor([2, 1, 0, 2])):
        costs = -prior.log2() - conditional[:, z].log2().sum(1)
        without = costs + prior.log2()
        s, bits = answer.two_level_bits(prior, conditional, z)
        expect(
            bits,
            costs.min(),
            "For each s add -log2 P(s) and the bits of all symbols of the block given s; take the cheapest.",
            (without.min(), "The bits of s itself are missing."),
            (costs.min() * BIT, "That is in nats."),
        )
        expect(s, int(costs.argmin()), "Return the s that is cheapest, and its cost.")
        expect(
            answer.one_level_bits(prior, conditional, z),
            -torch.logsumexp(-costs * BIT, 0) / BIT,
            "P(z) of the block is sum_s P(s) prod_i P(z_i|s): multiply the symbols, then sum over s.",
            (
                -(prior @ conditional)[z].log2().sum(),
                "One s describes the whole block: sum over s after multiplying the symbols, not for each symbol.",
            ),
            (-torch.logsumexp(-costs * BIT, 0), "That is in nats."),
        )


def case_study(answer: Answer) -> None:
    expect(
        answer.bits_per_pixel(3986, 752, 376),
        8 * 3986 / (752 * 376),
        "Eight bits a byte, and all pixels.",
        (3986 / (752 * 376), "That is bytes per pixel."),
        (8 * 3986 / (752 * 376 * 3), "That is per value: a pixel has three."),
    )
    a = np.full((4, 6, 3), 100, np.uint8)
    b = np.arange(72, dtype=np.uint8).reshape(4, 6, 3) // 12 * np.uint8(50)
    a[0, 0] = 250  # here the difference is 250, and its square needs more than 16 bits
    psnr = float(distortion.psnr(distortion.mse(*(torch.from_numpy(p)[None] / 255 for p in (a, b)))))
    for first, second in ((a, b), (b, a)):
        expect(
            answer.psnr(first, second),
            psnr,
            "10 log10(255^2 / mean squared error).",
            (10 * math.log10(255**2 / np.mean((first - second) ** 2)), "Convert to float before subtracting."),
            (
                10 * math.log10(255**2 / np.mean((first.astype(np.int16) - second) ** 2)),
                "The square of a large difference does not fit into 16 bits: convert to float.",
            ),
            (psnr / 10 * math.log(10), "The logarithm is to base ten, times ten."),
        )
