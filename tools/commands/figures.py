"""`lic figures`: the lectures' pictures from real data, each with its caption and the equation that it shows."""

import argparse
import io
import textwrap
from collections.abc import Callable
from pathlib import Path

from lic.tools.cli import UsageError
from lic.tools.files import write_whole
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

EXAMPLES = f"""\
examples:
  lic figures out/                                     all of them, on scikit-image's photographs
  lic figures out/ --data photos/ --model photo        on one's own
  lic figures out/ --only em blur --steps 3000         two of them, trained longer

figures: {", ".join(FIGURES)}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic figures OUT [--data DATA...] [--model MODEL] [--only FIGURE...]"
    parser.epilog = EXAMPLES
    parser.add_argument("output", type=Path, metavar="OUT", help="folder for the PNG files")
    parser.add_argument("--data", nargs="+", metavar="DATA", help="pictures and folders (scikit-image's)")
    parser.add_argument("-m", "--model", help="codec model, by name or file (see `lic models`)")
    parser.add_argument("--only", nargs="+", choices=FIGURES, metavar="FIGURE", help="not all figures but these")
    parser.add_argument("--steps", type=int, default=800, help="for each network that a figure trains (800)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (0)")


def run(args: argparse.Namespace) -> int:
    if args.steps < 1:
        raise UsageError(f"--steps {args.steps}: give 1 or more")
    names = args.only or list(FIGURES)
    context = Context(tuple(args.data or ()), args.model, args.steps, args.seed)
    if OF_THE_CODEC & set(names):
        _ = context.network  # if there is no model, say so before anything is trained
    args.output.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = args.output / f"{name}.png"
        write_whole(path, render(FIGURES[name](context)))
        print(path)
    return 0


def render(drawing: Drawing) -> bytes:
    """A PNG of the figure with equation and caption below it."""
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
