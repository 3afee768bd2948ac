"""Figures of the trained codec: noise against rounding, entropies, rate and distortion."""

import dataclasses
import math
from contextlib import nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lic.codec.decoder import decode_picture, read_symbols
from lic.codec.encode.pipeline import encode_picture
from lic.codec.entropy import chunks
from lic.codec.entropy.entropy_model import ChannelTables
from lic.codec.file.container import parse
from lic.codec.picture.fidelity import psnr, squared_error
from lic.codec.picture.reading import Picture
from lic.models.constants import DOWNSAMPLING, PEAK
from lic.models.quantisation import quantise
from lic.tools.course.figure_context import Context, Drawing, new_figure, show
from lic.tools.evaluation.charts import COLOURS, OUR_COLOURS
from lic.tools.training.scores import measure

CHANNELS = 8
FINE = 8  # bins per quantisation step in the estimate of a density

Doubles = NDArray[np.float64]


@torch.inference_mode()
def scaled_latents(context: Context, point: int) -> Tensor:
    """gain * y (minus expected latents), before rounding, of all pictures at a lambda point; channels x samples."""
    network = context.network
    which = torch.tensor([point])
    latents = [network.latents(picture[None].float() / PEAK, which) for picture in context.pictures]
    return torch.cat([network.code(y, which, "round")[0][0].flatten(1) for y in latents], dim=1)


def histogram(values: Tensor, per_step: int) -> tuple[Doubles, Doubles]:
    """Centres and densities of bins of width 1 / per_step, one of them centred at zero."""
    bins = torch.floor(values * per_step + 0.5).to(torch.int64)
    low = int(bins.min())
    counts = torch.bincount(bins - low).double().numpy()
    return (np.arange(len(counts)) + low) / per_step, counts / counts.sum() * per_step


def differential_entropy(values: Tensor) -> float:
    """h = -integral p log2 p in bits, from a histogram of `FINE` bins per unit.

    >>> normal = torch.randn(100000, generator=torch.Generator().manual_seed(0))
    >>> round(differential_entropy(4 * normal), 1), round(math.log2(4 * (2 * math.pi * math.e) ** 0.5), 1)
    (4.0, 4.0)
    """
    _, density = histogram(values, FINE)
    density = density[density > 0]
    return float(-(density * np.log2(density)).sum() / FINE)


def discrete_entropy(symbols: Tensor) -> float:
    """H = -sum P log2 P in bits.

    >>> discrete_entropy(torch.tensor([0.0, 1.0, 2.0, 3.0]))
    2.0
    """
    _, p = histogram(symbols, 1)
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


def noise_and_rounding(context: Context) -> Drawing:
    """The histogram of rounded latents, and the density of noisy ones over it."""
    point = len(context.network.lambdas) // 2
    y = scaled_latents(context, point)
    noise = torch.rand(y.shape, generator=context.generator()) - 0.5
    # Channels with few symbols, whose bars can be distinguished: some busy and some quiet ones.
    spread = quantise(y, "round").std(dim=1)
    order = [c for c in spread.argsort(descending=True).tolist() if 0.3 < spread[c] < 4] or list(range(len(y)))
    chosen = [order[i * len(order) // CHANNELS] for i in range(CHANNELS)]
    figure = new_figure(11, 4.8)
    for axes, channel in zip(figure.subplots(2, CHANNELS // 2).flat, chosen, strict=False):
        centres, p = histogram(quantise(y[channel], "round"), 1)
        axes.bar(centres, p, width=0.92, color="#c9d3dc", label="P(round(gy) = n): rounded, as coded")
        centres, density = histogram(quantise(y[channel], "noise", noise[channel]), FINE)
        axes.plot(centres, density, color=OUR_COLOURS[0], linewidth=1.4, label="p(gy + u): noisy, as trained")
        reach = max(2.5, float(y[channel].abs().quantile(0.97)))
        axes.set_xlim(-reach, reach)
        axes.set_title(f"channel {channel}", fontsize=10)
        axes.set_yticks([])
        axes.set_xlabel("quantisation steps", fontsize=9)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False, fontsize=10)
    return Drawing(
        figure,
        r"$p_{gy+u}(n) \;=\; \int_{n-1/2}^{n+1/2} p_{gy}(t)\,dt \;=\; P(\lfloor gy+1/2 \rfloor = n),"
        r"\qquad u \sim U(-1/2,\, 1/2)$",
        f"Noise against rounding, for eight channels of the trained codec at lambda {context.network.lambdas[point]:g} "
        f"over {len(context.pictures)} pictures. Training adds uniform noise, coding rounds. At every integer the "
        "density of the noisy latent passes through the probability of the rounded one: so a density that was fitted "
        "to the noise is also the table that the coder needs.",
    )


def entropies(context: Context) -> Drawing:
    """Differential entropy of noisy latents against discrete entropy of rounded ones, a dot for each channel."""
    lambdas = context.network.lambdas
    chosen = sorted({0, len(lambdas) // 2, len(lambdas) - 1})
    figure = new_figure(6.4, 5.6)
    axes = figure.subplots()
    top = 0.1
    for colour, point in zip((COLOURS[0], COLOURS[1], OUR_COLOURS[0]), chosen, strict=False):
        y = scaled_latents(context, point)
        noise = torch.rand(y.shape, generator=context.generator()) - 0.5
        discrete = [discrete_entropy(row) for row in quantise(y, "round")]
        differential = [differential_entropy(row) for row in quantise(y, "noise", noise)]
        axes.scatter(discrete, differential, s=14, alpha=0.7, color=colour, label=f"lambda {lambdas[point]:g}")
        top = max(top, *discrete)
    axes.plot([0, top], [0, top], color="#444444", linewidth=0.8, zorder=0)
    axes.set_xlabel("discrete entropy of rounded latents, bits")
    axes.set_ylabel("differential entropy of noisy latents, bits")
    axes.legend(frameon=False)
    axes.grid(color="#e4e7ea")
    return Drawing(
        figure,
        r"$h(gy+u) \;=\; -\int p\,\log_2 p \;\;\approx\;\; H(\lfloor gy+1/2 \rfloor) \;=\; -\sum_n P(n)\,\log_2 P(n)$",
        "The rate that training sees against the rate that coding pays, each dot a channel of the trained codec. On "
        "the diagonal the one predicts the other. A latent that varies by less than a step rounds to zero, for no "
        "bits, but with noise it still varies: channels that are almost silent lie above. (At the top, histograms of "
        "too few samples bend the dots down.)",
    )


def rate_distortion(context: Context) -> Drawing:
    """The codec's rate and distortion as lambda varies."""
    scores = measure(context.network, context.pictures, nullcontext)
    figure = new_figure(7, 4.6)
    axes = figure.subplots()
    axes.plot([s.bpp for s in scores], [s.psnr for s in scores], "o-", color=OUR_COLOURS[0], linewidth=1.8)
    for score in scores:
        axes.annotate(
            f"{score.lambda_:g}",
            (score.bpp, score.psnr),
            xytext=(7, -10),
            textcoords="offset points",
            fontsize=9,
            color="#444444",
        )
        # At an optimum the curve's tangent is a line of constant loss: dR = -lambda dD.
        mse = squared_error(score.psnr)
        slope = 10 / math.log(10) / mse / score.lambda_  # dB per bit
        span = 0.1 * score.bpp
        ends = np.array([-span, span])
        axes.plot(score.bpp + ends, score.psnr + slope * ends, color=COLOURS[0], linewidth=1, zorder=0)
    axes.set_xlabel("bits per pixel")
    axes.set_ylabel("PSNR, dB")
    axes.grid(color="#e4e7ea")
    return Drawing(
        figure,
        r"$\min\; E\left[-\log_2 P(n)\right] + \lambda\, E\left[\|x-\hat{x}\|^2\right]$",
        f"One network at its lambda points (the numbers), means over {len(context.pictures)} pictures with real "
        "rounding. Short blue lines are lines of equal loss, dR = -lambda dD, through each point: where training has "
        "found the best trade-off they are tangents of the curve.",
    )


def contexts(context: Context) -> Drawing:
    """Where the bits of a picture are, with one table per channel and with context tables."""
    with_contexts, position, symbols = context.frozen, context.position, context.symbols
    picture, pixels = context.pictures[0], context.pixels
    models = {
        "one table per channel": dataclasses.replace(with_contexts, entropy=ChannelTables(with_contexts.heights)),
        "contexts": with_contexts,
    }
    bits = {name: chunks.bits(symbols, model.at(position).coder) for name, model in models.items()}
    totals = {name: b.sum() / pixels[..., 0].size for name, b in bits.items()}

    figure = new_figure(11, 7)
    axes = figure.subplot_mosaic([["picture", *models], ["channels"] * 3])
    show(axes["picture"], picture.float() / PEAK, "the picture")
    places = {name: b.sum(axis=0) / DOWNSAMPLING**2 for name, b in bits.items()}
    most = max(float(place.max()) for place in places.values())
    for name, place in places.items():
        image = axes[name].imshow(place, cmap="magma", vmin=0, vmax=most)
        axes[name].set_axis_off()
        axes[name].set_title(f"{name}: {totals[name]:.3f} bit/pixel", fontsize=10)
    figure.colorbar(image, ax=[axes[name] for name in models], label="bits per pixel", shrink=0.8)
    used = int(np.flatnonzero(symbols.any(axis=(1, 2))).max(initial=0)) + 1
    lower = axes["channels"]
    for (name, b), colour in zip(bits.items(), (COLOURS[0], OUR_COLOURS[0]), strict=True):
        per_channel = b.sum(axis=(1, 2))[:used] / pixels[..., 0].size
        lower.step(np.arange(used), per_channel, where="mid", color=colour, linewidth=1.4, label=name)
    lower.set_yscale("log")
    lower.set_xlabel("channel, in the order of coding")
    lower.set_ylabel("bits per pixel")
    lower.legend(frameon=False)
    lower.grid(color="#e4e7ea")
    saved = 1 - totals["contexts"] / totals["one table per channel"]
    return Drawing(
        figure,
        r"$-\log_2 P(n_i) \;\to\; -\log_2 P(n_i\,|\,n_1, \ldots, n_{i-1})$",
        "The same latents under one table per channel, and with every table chosen by what is decoded before: "
        f"{saved:.1%} fewer bits here. Calm regions save most: there a table per channel pays for the edges of others. "
        "Later channels save more: they know what is coming.",
    )


def codec(context: Context) -> Drawing:
    """One picture on its way through the codec, into a real file and back."""
    model = context.frozen
    position, pixels = context.position, context.pixels
    point = model.at(position)
    data = encode_picture(Picture(pixels), model, position)
    file = parse(data)
    symbols = read_symbols(file, model)
    bits = chunks.bits(symbols, point.coder)
    decoded = np.array(decode_picture(file, model))
    error = np.abs(decoded.astype(float) - pixels).mean(axis=2)
    busiest = bits.sum(axis=(1, 2)).argsort()[::-1][:2]
    figure = new_figure(13, 2.2)
    axes = figure.subplots(1, 6)
    share = 8 * len(data) / pixels[..., 0].size
    show(axes[0], torch.from_numpy(pixels).permute(2, 0, 1) / PEAK, f"x: {pixels.size:,} bytes")
    for place, channel in zip(axes[1:3], busiest, strict=True):
        most = max(1, int(np.abs(symbols[channel]).max()))
        place.imshow(symbols[channel], cmap="RdBu_r", vmin=-most, vmax=most)
        place.set_title(f"n, channel {channel}: {-most}..{most}", fontsize=10)
    axes[3].imshow(bits.sum(axis=0) / DOWNSAMPLING**2, cmap="magma")
    axes[3].set_title("bits of each block", fontsize=10)
    show(axes[4], torch.from_numpy(decoded).permute(2, 0, 1) / PEAK, f"x': {len(data):,} bytes")
    axes[5].imshow(error, cmap="magma", vmin=0, vmax=16)
    axes[5].set_title(f"|x - x'|: {psnr(pixels, decoded):.2f} dB", fontsize=10)
    for place in axes:
        place.set_axis_off()
    ideal = float(bits.sum()) / 8
    return Drawing(
        figure,
        r"$x \;\to\; y \;\to\; n = \lfloor g y + 1/2 \rfloor \;\to\; bytes \;\to\; n"
        r" \;\to\; x' = \mathrm{Synthesis}(n / g)$",
        f"A picture on its way through the codec at lambda {model.lambdas[len(model.lambdas) // 2]:g}: the symbols of "
        f"the two channels that cost most (of {model.channels}), where the bits are, the decoded picture and its "
        f"errors (white: 16 grey levels). The symbols' ideal code length is {ideal:,.0f} bytes; the file, with its "
        f"header, has {len(data):,}, which is {share:.3f} bits per pixel.",
    )
