"""Figures that need a training, made once and kept in `prebuilt/`: `lic learn theory` shows these at its defaults.

python -m lic.tools.course.prebuilt_figures [--steps N] [FIGURE...]     makes them again
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

from lic.tools.course.figure_context import Context
from lic.tools.course.gallery import FIGURES, TRAINED, WITH_PICTURES, darken, plain

FOLDER = Path(__file__).parent / "prebuilt"
CAPTIONS = FOLDER / "captions.json"


class Illustration(NamedTuple):
    """A figure as a WebP file, its caption, and for figures of photographs another file for dark pages."""

    picture: bytes
    caption: str
    dark: bytes | None = None


def draw(name: str, context: Context) -> Illustration:
    drawing = FIGURES[name](context)
    figure = Illustration(plain(drawing, "webp"), drawing.caption)
    if name not in WITH_PICTURES:
        return figure  # of which a style sheet inverts the colours
    darken(drawing)
    return figure._replace(dark=plain(drawing, "webp"))


def prebuilt() -> dict[str, Illustration]:
    """The figures that are kept, by name; all have photographs."""
    captions = json.loads(CAPTIONS.read_text(encoding="utf-8"))
    files = {name: [FOLDER / f"{name}{kind}.webp" for kind in ("", "-dark")] for name in captions}
    return {
        name: Illustration(light.read_bytes(), captions[name], dark.read_bytes())
        for name, (light, dark) in files.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(TRAINED)} (all)")
    parser.add_argument("--steps", type=int, default=800, help="of each training (800)")
    args = parser.parse_args()
    context = Context((), None, args.steps, seed=0)
    for name in args.figures or TRAINED:
        picture, caption, dark = draw(name, context)
        (FOLDER / f"{name}.webp").write_bytes(picture)
        (FOLDER / f"{name}-dark.webp").write_bytes(dark or picture)
        captions = json.loads(CAPTIONS.read_text(encoding="utf-8")) if CAPTIONS.exists() else {}
        CAPTIONS.write_text(json.dumps(captions | {name: caption}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
