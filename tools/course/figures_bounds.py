"""Figures of bounds and of entropies: soft and hard EM, the four forms of the ELBO, the rate, units."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lic.models.constants import PEAK
from lic.models.quantisation import quantise
from lic.models.theory import elbo as forms
from lic.models.theory.conditional import luminance
from lic.models.theory.em import Mixture, fit
from lic.models.theory.factor_analysis import FactorAnalysis, probabilistic_pca
from lic.models.theory.gaussian import DiagonalGaussian, kl, standard_normal
from lic.tools.course.figure_context import Context, Drawing, new_figure
from lic.tools.course.figures_codec import differential_entropy, discrete_entropy, scaled_latents
from lic.tools.course.figures_latent import draw_bound, draw_mixture
from lic.tools.evaluation.charts import COLOURS, OUR_COLOURS

GRID = "#e4e7ea"

# Soft and hard EM.


def overlapping_mixture() -> Mixture:
    """Three round Gaussians so close to each other that many points could belong to two of them."""
    angles = torch.arange(3, dtype=torch.float64) * 2 * torch.pi / 3
    means = 1.3 * torch.stack([angles.cos(), angles.sin()], dim=1)
    return Mixture(torch.ones(3).double() / 3, means, 0.8 * torch.eye(2).double().repeat(3, 1, 1))


def hard_em(context: Context) -> Drawing:
    y = overlapping_mixture().sample(900, torch.Generator().manual_seed(context.seed))
    figure = new_figure(11, 3.9)
    axes = figure.subplots(1, 4, width_ratios=[1, 1, 1.15, 1.15])
    spreads = {}
    for column, hard in enumerate((False, True)):
        steps = fit(y, 3, hard=hard, generator=torch.Generator().manual_seed(context.seed))
        mixture = steps[-1].mixture
        name = "hard EM" if hard else "EM"
        spreads[name] = float(mixture.covariances.diagonal(dim1=1, dim2=2).mean())
        draw_mixture(axes[column], y, mixture)
        axes[column].set_title(f"{name}: variance {spreads[name]:.2f}", fontsize=10)
        draw_bound(axes[2 + column], steps, "hard ELBO" if hard else "ELBO")
        axes[2 + column].set_title(name, fontsize=10)
        axes[2 + column].legend(frameon=False, fontsize=9, loc="center right")
        axes[2 + column].set_ylabel("" if hard else "nats per point")
    return Drawing(
        figure,
        r"$EM:\; q(z) \leftarrow p(z|y) \qquad\quad hard\; EM:\; q(z) \leftarrow"
        r" [\,z = \mathrm{argmax}_z\; p(z|y)\,] \qquad\quad hard\; ELBO = E_q\,\ln p(z,y)$",
        "900 points of three Gaussians of variance 0.80 that overlap. EM shares a point between components, and finds "
        f"{spreads['EM']:.2f}; hard EM gives it to the likeliest one, which cuts off the components' tails, and finds "
        f"{spreads['hard EM']:.2f}. Both climb their own bound in every half-step; that of hard EM never touches "
        "ln p(y), because it lacks the entropy of q.",
    )


# The four forms of the ELBO.

SIDE = 8  # pixels of a patch
FACTORS = 8
PATCHES = 200
SAMPLES = 400


class Measured(NamedTuple):
    """The ELBO of one q in its four forms, the means over patches, and the deviation of one sample's estimate."""

    values: dict[str, float]
    deviations: dict[str, float]
    kl_to_posterior: float


def patches(pictures: list[Tensor], count: int, generator: torch.Generator) -> Tensor:
    """Random grey patches of pictures, in 0..1, without those in which nothing varies; count x pixels."""
    all_of_them = [
        F.unfold(luminance(picture[None].float() / PEAK), SIDE, stride=SIDE)[0].T.double() for picture in pictures
    ]
    found = torch.cat(all_of_them)
    varied = found[found.std(dim=1) > 1 / PEAK]
    return varied[torch.randperm(len(varied), generator=generator)[:count]]


def on_the_way(model: FactorAnalysis, y: Tensor, t: float, width: float = 1.0) -> DiagonalGaussian:
    """q(z|y) at a fraction t of the way from the prior to the posterior, whose covariance is diagonal here.

    Its deviations are multiplied by `width`.
    """
    mean, covariance = model.posterior(y)
    return DiagonalGaussian(t * mean, t * covariance.diagonal().log().expand_as(mean) + 2 * math.log(width))


def measure_forms(
    model: FactorAnalysis, y: Tensor, t: float, generator: torch.Generator, width: float = 1.0
) -> Measured:
    """All four forms for q at t, from the same samples."""
    q, posterior = on_the_way(model, y, t, width), on_the_way(model, y, 1.0)
    prior = standard_normal(q.mean)
    z = q.sample(torch.randn((SAMPLES, *q.mean.shape), generator=generator, dtype=y.dtype))
    log_prior, log_q = prior.log_density(z).sum(-1), q.log_density(z).sum(-1)
    noise = DiagonalGaussian(model.mean + z @ model.loadings.T, model.noise.log())
    log_likelihood = noise.log_density(y).sum(-1)
    to_prior, to_posterior, entropy = kl(q, prior).sum(-1), kl(q, posterior).sum(-1), q.entropy().sum(-1)
    values = {
        "log-joint minus log q": forms.elbo(log_prior, log_likelihood, log_q),
        "evidence minus KL": forms.evidence_minus_kl(model.log_evidence(y), to_posterior),
        "reconstruction minus KL": forms.reconstruction_minus_kl(log_likelihood, to_prior),
        "log-joint plus entropy": forms.joint_plus_entropy(log_prior, log_likelihood, entropy),
    }
    deviations = {
        "log-joint minus log q": log_prior + log_likelihood - log_q,
        "reconstruction minus KL": log_likelihood,
        "log-joint plus entropy": log_prior + log_likelihood,
    }
    return Measured(
        {name: float(value.mean()) for name, value in values.items()},
        {name: float(value.std(0).mean()) for name, value in deviations.items()},
        float(to_posterior.mean()),
    )


def elbo(context: Context) -> Drawing:
    generator = context.generator()
    y = patches(context.pictures, 20 * PATCHES, generator)
    model = probabilistic_pca(y, FACTORS)
    y = y[:PATCHES]
    ts = np.linspace(0.8, 1, 11)
    measured = [measure_forms(model, y, float(t), generator) for t in ts]
    evidence = float(model.log_evidence(y).mean())
    exact = np.array([evidence - m.kl_to_posterior for m in measured])
    figure = new_figure(11, 4.3)
    left, right = figure.subplots(1, 2)
    left.axhline(evidence, color=OUR_COLOURS[0], linewidth=1.6, label="ln p(y)")
    left.fill_between(ts, exact, evidence, color="#f3ded6", label="KL(q(z|y), p(z|y))")
    sizes = (11, 8, 5.5, 3)
    for (name, colour), size in zip(zip(measured[0].values, COLOURS, strict=False), sizes, strict=True):
        left.plot(ts, [m.values[name] for m in measured], "o", color=colour, markersize=size, label=name)
    left.set_ylabel("nats per patch")
    left.legend(frameon=False, fontsize=9, loc="lower right")
    colour_of = dict(zip(measured[0].values, COLOURS, strict=False))
    widths = 2.0 ** np.arange(-4, 1.01, 0.5)
    around = [measure_forms(model, y, 1.0, generator, float(width)) for width in widths]
    for name in around[0].deviations:
        right.plot(widths, [m.deviations[name] for m in around], "o-", color=colour_of[name], markersize=4, label=name)
    right.set_xscale("log", base=2)
    right.set_ylabel("deviation of one sample's estimate, nats")
    right.legend(frameon=False, fontsize=9, loc="upper left")
    left.set_xlabel("q: how far on the way from the prior to the posterior")
    right.set_xlabel("q around the posterior's mean: its width, in the posterior's")
    for axes in (left, right):
        axes.grid(color=GRID)
    most = max(max(m.values.values()) - min(m.values.values()) for m in measured)
    return Drawing(
        figure,
        r"$\ln p(y) - KL(q(z|y),\,p(z|y)) \;=\; E_q\,\ln\frac{p(z,y)}{q(z|y)} \;=\; E_q\,\ln p(y|z)"
        r" - KL(q(z|y),\,p(z)) \;=\; E_q\,\ln p(z,y) + H(q)$",
        f"The ELBO in its four forms, for {FACTORS} factors behind {SIDE} x {SIDE} pixels (probabilistic PCA), on "
        f"{PATCHES} patches of photographs, {SAMPLES} samples of z each. Left: the forms agree to {most:.2f} nats, "
        "and are below ln p(y) by the KL from the posterior. Right: as estimators they differ, in two regimes. Where q "
        "is the posterior (width 1) or wider, the first form varies less; at the posterior it is exact with a single "
        "sample. Where q is much narrower, as in a codec, whose z is almost certain, ln q alone varies by "
        f"{(FACTORS / 2) ** 0.5:.1f} nats, and the forms that have the KL or the entropy in closed form vary less.",
    )


# The rate, and units.


def rate_bound(context: Context) -> Drawing:
    """The cost of each channel of the codec under its density, against the information that it carries."""
    network, point = context.network, len(context.network.lambdas) // 2
    y = scaled_latents(context, point)
    noisy = quantise(y, "noise", torch.rand(y.shape, generator=context.generator()) - 0.5)
    with torch.inference_mode():
        gain = network.log_gain[point].exp()[None, :, None, None]
        learned = network.bits(noisy[None, :, :, None], gain)[0, :, :, 0].mean(1).numpy()
    gaussian = 0.5 * np.log2(math.tau * math.e * noisy.var(dim=1).numpy())
    information = np.array([differential_entropy(row) for row in noisy])
    figure = new_figure(6.8, 5.4)
    axes = figure.subplots()
    top = float(max(learned.max(), gaussian.max(), information.max(), 0.1))
    axes.plot([0, top], [0, top], color="#444444", linewidth=0.8, label="I(x, z): no code can do better", zorder=0)
    axes.scatter(information, gaussian, s=14, facecolor="none", edgecolor=COLOURS[0], label="p(z) Gaussian")
    axes.scatter(information, learned, s=14, color=OUR_COLOURS[0], label="p(z) piecewise linear, as learned")
    axes.set_xlabel("information I(x, z) = h(gy + u), bits per latent")
    axes.set_ylabel("rate E KL(q(z|x), p(z)), bits per latent")
    axes.legend(frameon=False)
    axes.grid(color=GRID)
    total = float(information.sum())
    excess = {name: float(rate.sum()) / total - 1 for name, rate in (("learned", learned), ("Gaussian", gaussian))}
    return Drawing(
        figure,
        r"$E_x\,KL(q(z|x),\,p(z)) \;=\; I(x,z) + KL(q(z),\,p(z)) \;\geq\; I(x,z)$",
        f"The trained codec as a noisy channel z = gy + u, at lambda {network.lambdas[point]:g} over "
        f"{len(context.pictures)} pictures, a dot for each channel: its rate under a density p, and the information "
        "that it carries about the picture. The height above the line is KL(q(z), p(z)). Under the densities that "
        f"training learned from other pictures all channels together cost {excess['learned']:.1%} more than their "
        f"information, under Gaussians of these latents' own means and variances {excess['Gaussian']:.1%}. "
        "(Information is estimated from histograms, to a few hundredths of a bit.)",
    )


UNITS = (("0..1", 1 / PEAK), ("grey levels, 0..255", 1.0), ("16 bits, 0..65535", 65535 / PEAK))


def units(context: Context) -> Drawing:
    """Differential entropy changes with the unit, and the entropy of ever finer steps has no limit."""
    grey = torch.cat([luminance(picture[None].float()).flatten() for picture in context.pictures])
    in_levels = differential_entropy(grey)
    point = len(context.network.lambdas) // 2
    y = scaled_latents(context, point)
    y = y[int(y.std(dim=1).argmax())]
    y = y / y.std() * 16  # so that the bins of `differential_entropy` are fine
    h = differential_entropy(y)
    steps = 2.0 ** np.arange(-1, 7.5, 0.5)
    discrete = [discrete_entropy(quantise(y / step, "round")) for step in steps]
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    values = [in_levels + np.log2(scale) for _, scale in UNITS]
    colours = [OUR_COLOURS[0] if value < 0 else COLOURS[0] for value in values]
    left.barh([name for name, _ in UNITS], values, color=colours, height=0.5)
    for i, value in enumerate(values):
        left.text(max(value, 0) + 0.2, i, f"{value:+.2f} bits", va="center", fontsize=10)
    left.axvline(0, color="#444444", linewidth=0.8)
    left.set_xlim(min(0, *values) - 1, max(values) + 5)
    left.set_xlabel("differential entropy of the brightness of the same pixels")
    right.plot(steps / 16, discrete, "o", color=COLOURS[0], markersize=5, label="H of the rounded values")
    right.plot(steps / 16, h - np.log2(steps), color=OUR_COLOURS[0], label="h - log2 of the step")
    right.set_xscale("log", base=2)
    right.set_xlabel("quantisation step, in standard deviations")
    right.set_ylabel("bits")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.grid(color=GRID)
        axes.set_axisbelow(True)
    return Drawing(
        figure,
        r"$h(c\,x) \;=\; h(x) + \log_2 c \qquad\qquad H(\lfloor x/s + 1/2 \rfloor) \;\to\; h(x) - \log_2 s"
        r" \qquad (s \to 0)$",
        f"Left: the differential entropy of brightness in {len(context.pictures)} photographs, in three units; it may "
        "be any number, and negative. Right: the trained codec's channel of the largest variance, rounded with ever "
        "finer steps. The entropy of the symbols is never negative and grows without limit, by one bit for each "
        "halving: a real number takes infinitely many bits. It meets h minus the logarithm of the step, so what h "
        "measures is a difference between rates, at one step and in one unit.",
    )
