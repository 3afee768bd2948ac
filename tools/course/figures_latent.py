"""Figures of latent-variable models: EM step by step, the VAE, blur, colourisation."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from lic.models.constants import PEAK
from lic.models.theory.colourisation import colour_features, colour_log_density, colourise, fit_segments
from lic.models.theory.conditional import luminance
from lic.models.theory.em import HalfStep, Mixture, e_step, fit
from lic.models.theory.vae import Vae
from lic.tools.course.figure_context import Context, Drawing, new_figure, show
from lic.tools.course.vae_panels import between, sample_rows, traversals
from lic.tools.evaluation.charts import COLOURS, OUR_COLOURS
from lic.tools.training.rate_distortion import RateDistortion
from lic.tools.training.variational import Variational

SEGMENTS = 8
STRIPE = 32  # pixels


def ring_mixture(components: int = 4) -> Mixture:
    """Elongated Gaussians around a circle: a mixture that EM needs several steps to find."""
    angles = torch.arange(components, dtype=torch.float64) * 2 * torch.pi / components
    directions = torch.stack([angles.cos(), angles.sin()], dim=1)
    tangents = torch.stack([-angles.sin(), angles.cos()], dim=1)
    along, across = tangents[:, :, None] * tangents[:, None], directions[:, :, None] * directions[:, None]
    return Mixture(torch.ones(components).double() / components, 2 * directions, 0.15 * across + 1.2 * along)


def draw_mixture(axes: Any, y: Tensor, mixture: Mixture) -> None:
    """Points coloured by responsibility, components as ellipses of two standard deviations."""
    palette = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in COLOURS])
    responsibilities = e_step(mixture, y).T.numpy()
    axes.scatter(*y.T.numpy(), s=4, c=responsibilities @ palette[: responsibilities.shape[1]])
    t = torch.linspace(0, 2 * torch.pi, 100, dtype=torch.float64)
    circle = 2 * torch.stack([t.cos(), t.sin()])
    for mean, covariance, colour in zip(mixture.means, mixture.covariances, palette, strict=False):
        ellipse = mean[:, None] + torch.linalg.cholesky(covariance) @ circle
        axes.plot(*ellipse.numpy(), color=colour * 0.7, linewidth=1.6)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal")
    axes.set(xlim=(-3.7, 3.7), ylim=(-3.7, 3.7))


def draw_bound(axes: Any, steps: list[HalfStep], bound: str = "ELBO") -> None:
    """The bound after each half-step, below the log-likelihood."""
    rounds = np.arange(len(steps)) / 2
    axes.plot(rounds, [s.log_likelihood for s in steps], color=OUR_COLOURS[0], linewidth=1.6, label="log-likelihood")
    axes.plot(rounds, [s.elbo for s in steps], ".-", color=COLOURS[0], linewidth=0.9, label=f"{bound}, each half-step")
    axes.set_xlabel("round of EM")
    axes.set_ylabel("nats per point")
    axes.set_xlim(0, min(rounds[-1], 25))
    axes.legend(frameon=False, loc="lower right", fontsize=9)
    axes.grid(color="#e4e7ea")


def em(context: Context) -> Drawing:
    generator = torch.Generator().manual_seed(context.seed + 1)
    y = ring_mixture().sample(600, generator)
    steps = fit(y, 4, generator=generator)
    rounds = [0, 1, 3, 6, len(steps) // 2 - 1]
    figure = new_figure(11, 6.4)
    grid = figure.add_gridspec(2, 5, height_ratios=[1, 1.25])
    for column, number in enumerate(rounds):
        number = min(number, len(steps) // 2 - 1)
        axes = figure.add_subplot(grid[0, column])
        draw_mixture(axes, y, steps[2 * number].mixture)
        axes.set_title("start" if number == 0 else f"after {number} round{'s' * (number > 1)}", fontsize=10)
    draw_bound(figure.add_subplot(grid[1, :]), steps)
    return Drawing(
        figure,
        r"$\ln p(y) = E_q\,\ln\frac{p(z,y)}{q(z|y)} + KL(q(z|y),\, p(z|y)) \qquad E:\; q \leftarrow p(z|y)"
        r" \qquad M:\; p \leftarrow \mathrm{argmax}\; E_q \ln p(z,y)$",
        "EM on 600 points of a mixture of four Gaussians, from a k-means++ start. Above: points coloured by their "
        "responsibilities, components as ellipses of two standard deviations. Below: each E step lifts the ELBO onto "
        "the log-likelihood (whole rounds), each M step lifts both and opens a gap (half rounds).",
    )


def vae_samples(context: Context) -> Drawing:
    vae = context.vae
    figure = new_figure(10, 4.2)
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.5])
    with torch.inference_mode():
        rows = sample_rows(vae, 16, (32, 32), context.seed)
        row = between(vae, context.crop[:, :, :64, :64], context.crop[:, :, 64:, 64:], 5)
        large = vae.sample(5, 64, 64, context.generator())
    for axes, picture in zip(left.subplots(4, 4).flat, [p for r in rows for p in r], strict=True):
        show(axes, picture)
    left.suptitle("samples of 32 x 32", fontsize=10)
    all_axes = right.subplots(2, 5)
    for i, (axes, picture) in enumerate(zip(all_axes[0], large, strict=True)):
        show(axes, picture, "samples of 64 x 64" if i == 2 else "")
    for axes, picture, title in zip(all_axes[1], row, ("from", "", "between", "", "to"), strict=True):
        show(axes, picture, title)
    return Drawing(
        figure,
        r"$z \sim N(0, I),\quad \hat{x} = \mathrm{Synthesis}(z) \qquad\qquad"
        r" z_t = (1-t)\,\mu(x_0) + t\,\mu(x_1)$",
        f"Left and above: samples of a VAE on the codec's layers, trained for {context.steps} steps on patches of "
        "photographs. Under N(0, I) neighbouring latents know nothing of each other: each block of 16 x 16 pixels has "
        "the colours and the texture of photographs, and there are no objects. Below: decoded points "
        "on the line between two pieces of a photograph.",
    )


def vae_traversals(context: Context) -> Drawing:
    vae = context.vae  # trained here, if it is the first figure to need it
    with torch.inference_mode():
        rows = traversals(vae, context.crop[:, :, 32:96, 32:96], channels=6, span=3.0)
    figure = new_figure(8.2, 7)
    for i, axes_row in enumerate(figure.subplots(6, 7)):
        for axes, picture, shift in zip(axes_row, rows[i], torch.linspace(-3, 3, 7).tolist(), strict=True):
            show(axes, picture, f"{shift:+g}" if i == 0 and shift else "MAP" if i == 0 else "")
    return Drawing(
        figure,
        r"$\hat{x}_{c,s} = \mathrm{Synthesis}(\mu(x) + s\,e_c)$",
        "Latent traversals: each row moves one channel of the posterior's mean, everywhere in the picture, by -3 to 3 "
        "standard deviations of the prior. The six channels are those with the largest KL, the most informative: they "
        "hold mean brightness and colour, then gradients and edges, much as principal components do.",
    )


def sharpness(picture: Tensor) -> float:
    """Mean absolute difference of neighbours, in grey levels."""
    return PEAK * float((picture.diff(dim=1).abs().mean() + picture.diff(dim=2).abs().mean()) / 2)


def blur(context: Context) -> Drawing:
    bench, x, n, m = context.bench(), context.crop, 48, 12
    l2, l1 = bench.train(Variational(n, m)), bench.train(Variational(n, m, noise="laplace"))
    codec = bench.train(RateDistortion((0.02,), n, 96, proxy="noise"))
    pixels = x[0, 0].numel()
    with torch.inference_mode():
        rates = [float(vae(x).kl.sum()) / np.log(2) / pixels for vae in (l2, l1)]
        coded = codec(x, torch.tensor([0]), "round")
        pictures = [
            ("original", 24.0, x[0]),
            ("VAE, L2", rates[0], l2.reconstruct(x)[0]),
            ("VAE, L2: a sample", rates[0], sample_of(l2, x, context.generator())),
            ("VAE, L1", rates[1], l1.reconstruct(x)[0]),
            ("rate-distortion, L2", float(coded.bits) / pixels, coded.reconstruction[0]),
        ]
    figure = new_figure(13, 3.4)
    for axes, (name, bits, picture) in zip(figure.subplots(1, len(pictures)), pictures, strict=True):
        show(axes, picture)
        axes.set_title(f"{name}\n{bits:.2f} bits per pixel, sharpness {sharpness(picture):.1f}", fontsize=9)
    return Drawing(
        figure,
        r"$L2:\; \frac{(x-\hat{x})^2}{2\gamma^2} + \ln\gamma \qquad L1:\; \frac{|x-\hat{x}|}{\gamma} + \ln 2\gamma"
        r"\qquad RD:\; -\log_2 P(n) + \lambda\,(x-\hat{x})^2$",
        f"Why blurry? A VAE with Gaussian (L2) noise answers with the mean of all pictures that fit its latents ({m} "
        "channels here), with Laplace (L1) noise with their median: neither has detail, and a sample of z does not "
        "bring it back. So it is not L2 that blurs, but what z leaves open: the rate-distortion autoencoder on the "
        "same layers (96 channels) is trained on L2, too, and buys detail with bits. Sharpness: mean absolute "
        "difference of neighbours, in grey levels.",
    )


def sample_of(vae: Vae, x: Tensor, generator: torch.Generator) -> Tensor:
    """A sample of q(z|x), decoded."""
    q = vae.encode(x)
    return vae.decode(q.sample(torch.randn(q.mean.shape, generator=generator)))[0]


def colourisation(context: Context) -> Drawing:
    # The most colourful of the pictures: with a single hue there are no segments to distinguish.
    pictures = [picture.float() / PEAK for picture in context.pictures]
    picture = max(pictures, key=lambda p: float(colour_features(p).std(0).sum()))
    stripes = torch.arange(picture.shape[2]) // STRIPE % 2 == 1
    grey = luminance(picture[None])[0]
    known = [both[:, :, :STRIPE] for both in picture.split(2 * STRIPE, dim=2)]
    figure = new_figure(12, 2.3 + 0.4)
    axes = figure.subplots(1, 5)
    show(axes[0], torch.where(stripes, grey, picture), f"learned from: stripes of {STRIPE} pixels")
    for k, place in ((1, 1), (SEGMENTS, 3)):
        mixture = fit_segments(known, k, generator=context.generator())
        coloured, segments = colourise(mixture, grey)
        nats = float(colour_log_density(mixture, picture)[:, stripes].mean())
        show(axes[place], coloured, f"{k} segment{'s' * (k > 1)}: ln P(y|x) = {nats:.2f}")
    axes[2].imshow(segments.argmax(0).numpy(), cmap="tab10", vmin=0, vmax=9)
    axes[2].set_axis_off()
    axes[2].set_title(f"most likely of {SEGMENTS} segments", fontsize=10)
    show(axes[4], picture, "truth")
    return Drawing(
        figure,
        r"$P(y|x) = \sum_z P(z|x)\,P(y|z,x)$",
        "Colourisation with a latent segmentation: a mixture of Gaussians over grey surroundings x and colour y of "
        "each pixel, fitted by EM to every other stripe. Grey alone tells the segment z, the segment tells the "
        "colour. ln P(y|x): the log-density, in nats per pixel, of the true colours between the known stripes.",
    )
