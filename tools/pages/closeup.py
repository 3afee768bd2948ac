"""Details for `lic report`: maps of a model's errors and bits, and the fit of its densities."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from lic.codec.decoder import decode_picture
from lic.codec.encode.pipeline import encode_picture
from lic.codec.entropy.entropy_model import ChannelTables
from lic.codec.file.container import parse
from lic.codec.model.frozen import FrozenModel
from lic.codec.picture.reading import Picture
from lic.models.constants import DOWNSAMPLING
from lic.tools.evaluation import charts, codecs
from lic.tools.evaluation.codecs import Pixels
from lic.tools.extras import require
from lic.tools.files import png
from lic.tools.pages import page
from lic.tools.pages.anatomy import Anatomy, channel_density, dissect

MAP_WIDTH = 480  # pixels; larger pictures are scaled down
ERROR_PEAK = 32  # grey levels at the bright end of the error maps
DENSITIES = 8
COLOURS = "magma"


@dataclass(frozen=True)
class Examined:
    """One picture at the quality of the close-up."""

    name: str
    original: Pixels
    decoded: Pixels
    anatomy: Anatomy


def examine(name: str, path: str, model: FrozenModel, quality: float) -> Examined:
    """Encode and decode a picture, and measure the cost of its latents."""
    original = codecs.read_rgb(path)
    data = encode_picture(Picture(original), model, model.position(quality))
    return Examined(name, original, np.array(decode_picture(parse(data), model)), dissect(data, model))


def channels(model: FrozenModel, examined: Sequence[Examined]) -> str:
    """A chart of the bits of each channel, busiest first."""
    bits = channel_bits(examined)
    order = np.argsort(-bits)
    shares = bits[order].cumsum() / max(bits.sum(), 1e-9)
    figure = require("matplotlib.figure").Figure(figsize=(11, 2.9), layout="constrained")
    axes = figure.subplots()
    axes.bar(range(len(bits)), bits[order], width=0.85, color=charts.OUR_COLOURS[0])
    axes.set_xlabel("channels, those with the most bits first")
    axes.set_ylabel("bits per latent")
    axes.set_xlim(-1, len(bits))
    axes.grid(axis="y", color="#e4e7ea")
    axes.set_axisbelow(True)
    half, most = (int(np.searchsorted(shares, share)) + 1 for share in (0.5, 0.9))
    idle = int(np.sum(bits < 0.001))
    busiest = ", ".join(f"{c} ({bits[c]:.2f})" for c in order[:10])
    return charts.to_svg(figure) + (
        f'<p class="note">Ideal code length per latent of each channel, over {count(examined)}. Of '
        f"{model.channels} channels, {half} carry half of the bits and {most} carry 90 %; {idle} cost less "
        f"than 0.001 bit per latent. The busiest, with bits per latent: {busiest}.</p>"
    )


def count(examined: Sequence[Examined]) -> str:
    return f"{len(examined)} picture{'s' * (len(examined) != 1)}"


def channel_bits(examined: Sequence[Examined]) -> Any:
    """Bits per latent of each channel."""
    latents = sum(e.anatomy.symbols[0].size for e in examined)
    return sum(e.anatomy.per_channel() for e in examined) / latents


def densities(model: FrozenModel, examined: Sequence[Examined]) -> str:
    """The model's densities of the busiest channels, and the histograms of their latents."""
    busiest = np.argsort(-channel_bits(examined))[:DENSITIES]
    figure = require("matplotlib.figure").Figure(figsize=(11, 4.6), layout="constrained")
    for axes, channel in zip(figure.subplots(2, DENSITIES // 2).flat, busiest, strict=False):
        symbols = np.concatenate([e.anatomy.symbols[channel].ravel() for e in examined])
        values, counts = np.unique(symbols, return_counts=True)
        shape = channel_density(model, int(channel), examined[0].anatomy.position)
        reach = max(3.0, float(np.quantile(np.abs(symbols), 0.98)))
        axes.bar(values, counts / counts.sum(), width=0.9, color="#c9d3dc", label="share of the latents")
        axes.plot(shape.knots, shape.heights, color=charts.OUR_COLOURS[0], linewidth=1.6, label="density in the model")
        axes.set_xlim(-reach, reach)
        axes.set_title(f"channel {channel}", fontsize=10)
        axes.set_yticks([])
    figure.supxlabel("latent, in quantisation steps", fontsize=10)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2, frameon=False, fontsize=9)
    plain = isinstance(model.entropy, ChannelTables)
    chosen = "" if plain else " The coder chooses a narrower density for each latent by its context."
    return charts.to_svg(figure) + (
        f'<p class="note">The densities that the model has learned for its busiest channels, at this quality, and the '
        f"latents of {count(examined)}.{chosen}</p>"
    )


def map_note(examined: Sequence[Examined]) -> str:
    colours = require("matplotlib").colormaps[COLOURS]
    stops = ", ".join(f"rgb{tuple(int(255 * c) for c in colours(t)[:3])}" for t in np.linspace(0, 1, 9))
    scale = f'<span class="scale" style="background: linear-gradient(to right, {stops})"></span>'
    return (
        f'<p class="note">Errors: the mean over R, G and B of the absolute difference, 0{scale}{ERROR_PEAK} '
        "grey levels or more. Bits: the ideal code length of the latents of each 16 x 16 block, "
        f"0{scale}{peak_rate(examined):.2f} bits per pixel or more, over a faint picture.</p>"
    )


def peak_rate(examined: Sequence[Examined]) -> float:
    """The bright end of the bit maps: the 99.5 % quantile over blocks, in bits per pixel."""
    places = np.concatenate([e.anatomy.per_place().ravel() for e in examined])
    return max(float(np.quantile(places, 0.995)) / DOWNSAMPLING**2, 0.01)


def map_row(picture: Examined, peak: float) -> str:
    """One picture: decoded, its errors, its bits."""
    images = {"decoded": picture.decoded, "errors": error_map(picture), "bits": bit_map(picture, peak)}
    shown = []
    for kind, pixels in images.items():
        caption = f"{html.escape(picture.name)}, {kind}"
        address = page.data_uri(png(shrink(pixels)))
        shown.append(f'<figure><img alt="{caption}" src="{address}"><figcaption>{caption}</figcaption></figure>')
    return f'<div class="maps">{"".join(shown)}</div>'


def error_map(picture: Examined) -> Pixels:
    error = np.abs(picture.original.astype(np.float64) - picture.decoded).mean(axis=2)
    return colour(error / ERROR_PEAK)


def bit_map(picture: Examined, peak: float) -> Pixels:
    """Bits per pixel of each block in colour, over the picture in grey."""
    height, width = picture.original.shape[:2]
    rates = picture.anatomy.per_place() / DOWNSAMPLING**2
    blocks = colour(np.kron(rates / peak, np.ones((DOWNSAMPLING, DOWNSAMPLING)))[:height, :width])
    grey = picture.original.mean(axis=2, keepdims=True)
    return np.round(0.75 * blocks + 0.25 * grey).astype(np.uint8)


def colour(values: Any) -> Pixels:
    """Values in 0..1 as colours."""
    rgba = require("matplotlib").colormaps[COLOURS](np.clip(values, 0, 1), bytes=True)
    return np.asarray(rgba[..., :3])


def shrink(pixels: Pixels) -> Pixels:
    """A picture scaled down to the width of the page."""
    image = Image.fromarray(pixels)
    image.thumbnail((MAP_WIDTH, 2 * MAP_WIDTH), Image.Resampling.BOX)
    return np.array(image)
