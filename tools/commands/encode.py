"""`lic encode`: pictures to .lic files."""

import argparse
from dataclasses import fields
from functools import partial
from typing import Any

from lic.codec.encode.settings import GOALS, Settings
from lic.codec.model.catalogue import find_model
from lic.codec.picture.formats import REMEDIES, readable_extensions
from lic.tools.batch.jobs import for_all_frames
from lic.tools.batch.picture_files import encode_bytes, frames_of
from lic.tools.commands.batch_options import add_batch_arguments, jobs_of, positive, run_jobs
from lic.tools.usage import MORE, in_flags

EXAMPLES = """\
examples:
  lic encode photo.jpg                      photo.lic beside it
  lic encode photo.png -o small.lic -q 20   a small file
  lic encode photo.png --target-size 50k    the best picture in 50,000 bytes
  lic encode photo.png -e 4                 a smaller and better file, which takes longer to find
  lic encode drawing.png --lossless         every pixel as it is
  lic encode *.jpg -o out/                  several, into a folder
  lic encode photos/ -o out/ -r -j 4        a folder and its subfolders, four at a time;
                                            again for what has changed
  cat photo.png | lic encode - > photo.lic  in a pipe
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic encode IN... [-o OUT] [-q Q | --target-... T] [options]"
    parser.description = EXAMPLES
    add_batch_arguments(parser, "pictures")
    more = next(group for group in parser._action_groups if group.title == MORE)
    more.add_argument("--all-frames", action="store_true", help="all frames or pages, into numbered files")
    more.add_argument("--psnr", action="store_true", help="decode again, and say the PSNR of each picture")
    rate, model = parser.add_mutually_exclusive_group(), parser.add_mutually_exclusive_group()
    groups: dict[str, Any] = dict.fromkeys(GOALS, rate) | {
        "tune": model,
        "model": model,
    }
    groups |= dict.fromkeys(("strip", "auto_orient", "max_side"), more)
    for setting in fields(Settings):
        said = setting.metadata
        options: dict[str, Any] = {"dest": setting.name, "default": setting.default, "help": said["help"]}
        if said["kind"] is bool:
            options["action"] = "store_true" if setting.default is False else argparse.BooleanOptionalAction
        elif said["choices"]:
            options["choices"] = said["choices"]
        elif setting.name == "strip":
            options |= {"nargs": "?", "const": True, "metavar": said["metavar"]}
        else:
            options |= {"type": TYPES.get(setting.name, said["kind"]), "metavar": said["metavar"]}
        flags = [*SHORT.get(setting.name, ()), in_flags(f"`{setting.name}`")]
        groups.get(setting.name, parser).add_argument(*flags, **options)


def _bytes(text: str) -> int:
    """A number of bytes.

    >>> _bytes("50k"), _bytes("1.5M"), _bytes("800")
    (50000, 1500000, 800)
    """
    number = text.rstrip("kKM")
    try:
        return int(float(number) * {"": 1, "k": 1000, "K": 1000, "M": 1_000_000}[text[len(number) :]])
    except (ValueError, KeyError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"give a number of bytes, as 50k or 1.5M, not {text!r}") from error


SHORT = {"quality": ["-q"], "effort": ["-e"], "model": ["-m"]}
TYPES = {"target_size": _bytes, "max_side": positive}


def run(args: argparse.Namespace) -> int:
    settings = Settings(**{setting.name: getattr(args, setting.name) for setting in fields(Settings)})
    file = find_model(args.model, tune=args.tune)
    found = jobs_of(args, ".lic", lambda: readable_extensions() | REMEDIES.keys(), ignored=lambda: frozenset({".lic"}))
    if args.all_frames:
        found = for_all_frames(found, frames_of)
    made = {name: value for name, value in settings.given().items() if name not in ("model", "tune")}
    made |= {"model": f"{file.name} {file.card.get('sha256', file.fingerprint.hex())[:8]}"}

    def check() -> None:
        """Report errors in settings once, not for each picture."""
        model = file.load()
        if args.quality is not None:
            model.position(args.quality)
        model.check_effort(args.effort)
        if args.lambda_ is not None:
            model.position_of_lambda(args.lambda_)

    return run_jobs(found, partial(encode_bytes, settings=settings, measure=args.psnr), made, args, check)
