"""The lectures' pictures from real data, each with its caption and the equation that it shows."""

import io
import textwrap
from collections.abc import Callable

from lic.tools.studies import figures_codec, figures_latent
from lic.tools.studies.figure_context import Context, Drawing

FIGURES: dict[str, Callable[[Context], Drawing]] = {
    "em": figures_latent.em,
    "noise-and-rounding": figures_codec.noise_and_rounding,
    "entropies": figures_codec.entropies,
    "rate-distortion": figures_codec.rate_distortion,
    "contexts": figures_codec.contexts,
    "vae-samples": figures_latent.vae_samples,
    "vae-traversals": figures_latent.vae_traversals,
    "blur": figures_latent.blur,
    "colourisation": figures_latent.colourisation,
}
OF_THE_CODEC = {"noise-and-rounding", "entropies", "rate-distortion", "contexts"}


def draw(name: str, context: Context) -> bytes:
    """A PNG of a figure with its equation and caption below it."""
    drawing = FIGURES[name](context)
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
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, facecolor="white")
    return buffer.getvalue()
