"""The options shared by all trainings."""

import argparse
from pathlib import Path
from typing import Any

from lic.models.constants import DOWNSAMPLING
from lic.tools.dataclass_options import add_options, option
from lic.tools.own_parts import is_own
from lic.tools.training.choices import AnyChoices, TrainConfig, resumed, sort_options
from lic.tools.usage import UsageError

# The length of a run, in one of two ways, and its files.
LENGTHS = {
    "steps": option("how long to train, in steps", type=int, metavar="N"),
    "hours": option("how long to train, in hours", type=float, metavar="H"),
}
FILES = {
    "valid": option("pictures to choose the best checkpoint by", nargs="+", metavar="DATA"),
    "tensorboard": option("write TensorBoard's log, too", action="store_true"),
}
TRAINING = {
    "crop": option(f"side of the squares cut from the pictures, a multiple of {DOWNSAMPLING}", metavar="C"),
    "batch": option("squares per step, over all processes", metavar="B"),
    "lr": option("learning rate", metavar="R"),
    "warmup": option("steps in which the learning rate rises", metavar="N"),
    "ema": option("decay of the averaged weights", metavar="D"),
    "clip": option("largest norm of a gradient", metavar="G"),
    "seed": option("random seed", metavar="S"),
    "device": option("cpu, cuda, ...; auto is the GPU if there is one", metavar="D"),
    "memory": option("gigabytes of pictures to hold; of more, a window that moves over them", metavar="GB"),
    "precision": option("of the convolutions"),
    "optimizer": option("what turns gradients into steps"),
    "validate_minutes": option("minutes between checkpoints, and measurements on held-out pictures", metavar="M"),
}


def add_loop_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `TrainConfig`. Options that are not given are absent from the namespace; see `run_choices`."""
    parser.argument_default = argparse.SUPPRESS
    parser.add_argument("data", nargs="*", metavar="DATA", help="pictures, and folders of pictures")
    parser.add_argument("-o", "--output", required=True, metavar="RUN", help="folder for checkpoints and log")
    about = "go on with the run in the folder; other options change it"
    parser.add_argument("--resume", action="store_true", help=about)
    add_options(parser.add_mutually_exclusive_group(), TrainConfig, LENGTHS)
    add_options(parser, TrainConfig, FILES)
    add_options(parser.add_argument_group("the training"), TrainConfig, TRAINING)


def given_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options given of a parser with `add_loop_arguments`, and the command line."""
    own = {"command_line", "whole_parser", "action"}
    return {name: value for name, value in vars(args).items() if name not in own} | {"command": args.command_line}


def run_choices(kind: type[AnyChoices], given: dict[str, Any], resume: bool) -> tuple[TrainConfig, AnyChoices]:
    """The choices of a training: the given options override those that a resumed run was started with.

    Pictures are named by absolute paths, so that a run can be resumed and exported from any folder.
    """
    for name in given.keys() & {"data", "valid"}:
        own = (str(path) if is_own(str(path), "sources") else str(Path(path).absolute()) for path in given[name])
        given = given | {name: tuple(own)}
    if resume:
        return resumed(kind, given)
    if "data" not in given:
        raise UsageError("name the pictures to learn from: files or folders")
    loop, model = sort_options(given, TrainConfig, kind)
    return TrainConfig(**loop), kind(**model)
