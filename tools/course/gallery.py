"""The lectures' pictures from real data, each with its caption and the equation that it shows."""

import io
import textwrap
from collections.abc import Callable

from lic.tools.course import figures_bounds, figures_codec, figures_latent, figures_quantisers
from lic.tools.course.figure_context import Context, Drawing
from lic.tools.extras import require

FIGURES: dict[str, Callable[[Context], Drawing]] = {
    "colourisation": figures_latent.colourisation,
    "em": figures_latent.em,
    "hard-em": figures_bounds.hard_em,
    "elbo": figures_bounds.elbo,
    "vae-samples": figures_latent.vae_samples,
    "vae-traversals": figures_latent.vae_traversals,
    "blur": figures_latent.blur,
    "rate-bound": figures_bounds.rate_bound,
    "units": figures_bounds.units,
    "entropies": figures_codec.entropies,
    "rate-distortion": figures_codec.rate_distortion,
    "noise-and-rounding": figures_codec.noise_and_rounding,
    "quantisers": figures_quantisers.quantisation,
    "contexts": figures_codec.contexts,
    "codec": figures_codec.codec,
}
TRAINED = ("vae-samples", "vae-traversals", "blur")  # they need trainings
WITH_PICTURES = {"colourisation", "vae-samples", "vae-traversals", "blur", "contexts", "codec"}  # of photographs
GROUND, INK, FAINT = "#1b2026", "#e2e6ea", "#333b44"  # of figures in the dark, as in theory.css
OF_THE_CODEC = {
    "rate-bound",
    "units",
    "entropies",
    "rate-distortion",
    "noise-and-rounding",
    "quantisers",
    "contexts",
    "codec",
}


def captioned(drawing: Drawing) -> bytes:
    """A figure as a PNG file, with its equation and caption below it."""
    figure = drawing.figure
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(drawing.caption, int(width * 13.5))
    foot = 0.45 + 0.19 * len(lines)
    figure.set_size_inches(width, height + foot)
    share = foot / (height + foot)
    figure.get_layout_engine().set(rect=(0, share, 1, 1 - share))
    figure.text(0.5, share - 0.04 / (height + foot), drawing.equation, ha="center", va="top", fontsize=12)
    bottom = 0.1 / (height + foot)
    figure.text(0.02, bottom, "\n".join(lines), ha="left", va="bottom", fontsize=9.5, color="#444444", linespacing=1.35)
    return plain(drawing)


def plain(drawing: Drawing, kind: str = "png") -> bytes:
    """A figure alone, as the bytes of a file of that kind."""
    buffer = io.BytesIO()
    drawing.figure.savefig(buffer, format=kind, dpi=150)
    return buffer.getvalue()


def darken(drawing: Drawing) -> None:
    """Turn a figure of pictures from white paper to a dark ground."""
    figure = drawing.figure
    figure.patch.set_facecolor(GROUND)
    for text in figure.findobj(require("matplotlib.text").Text):
        text.set_color(INK)
    for axes in figure.axes:
        axes.set_facecolor(GROUND)
        axes.tick_params(colors=INK, grid_color=FAINT, which="both")
        for spine in axes.spines.values():
            spine.set_edgecolor(INK)
