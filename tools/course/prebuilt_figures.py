"""Figures that need a training, made once and kept in `prebuilt/`: `lic learn theory` shows these at its defaults.

python -m lic.tools.course.prebuilt_figures [--steps N] [FIGURE...]     makes them again
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

from lic.tools.course.figure_context import Context
from lic.tools.course.gallery import FIGURES, TRAINED, plain

FOLDER = Path(__file__).parent / "prebuilt"
CAPTIONS = FOLDER / "captions.json"


class Illustration(NamedTuple):
    """A figure as a WebP file, and its caption."""

    picture: bytes
    caption: str


def draw(name: str, context: Context) -> Illustration:
    drawing = FIGURES[name](context)
    return Illustration(plain(drawing, "webp"), drawing.caption)


def prebuilt() -> dict[str, Illustration]:
    """The figures that are kept, by name."""
    captions = json.loads(CAPTIONS.read_text(encoding="utf-8"))
    return {name: Illustration((FOLDER / f"{name}.webp").read_bytes(), text) for name, text in captions.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(TRAINED)} (all)")
    parser.add_argument("--steps", type=int, default=800, help="of each training (800)")
    args = parser.parse_args()
    context = Context((), None, args.steps, seed=0)
    for name in args.figures or TRAINED:
        picture, caption = draw(name, context)
        (FOLDER / f"{name}.webp").write_bytes(picture)
        captions = json.loads(CAPTIONS.read_text(encoding="utf-8")) if CAPTIONS.exists() else {}
        CAPTIONS.write_text(json.dumps(captions | {name: caption}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
