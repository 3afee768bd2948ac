"""The options shared by all trainings."""

import argparse
import dataclasses
from typing import Any

from lic.tools.training.loop import Chosen, TrainConfig, resumed, sort_options
from lic.tools.usage import UsageError


def add_loop_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `TrainConfig`. Options that are not given are absent from the namespace; see `run_choices`."""
    parser.argument_default = argparse.SUPPRESS
    default = {field.name: field.default for field in dataclasses.fields(TrainConfig)}
    parser.add_argument("data", nargs="*", metavar="DATA", help="pictures, and folders of pictures")
    parser.add_argument("-o", "--output", required=True, metavar="RUN", help="folder for checkpoints and log")
    parser.add_argument("--valid", nargs="+", metavar="DATA", help="pictures to choose the best checkpoint by")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in the folder; other options change it"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="how long to train, in steps")
    length.add_argument("--hours", type=float, metavar="H", help="how long to train, in hours")
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard's log, too")
    loop = parser.add_argument_group("the training")

    def option(name: str, kind: Any, help: str, **more: Any) -> None:
        flag = "--" + name.replace("_", "-")
        loop.add_argument(flag, type=kind, help=f"{help} ({default[name]})", **more)

    option("crop", int, "side of the squares cut from the pictures, a multiple of 16", metavar="C")
    option("batch", int, "squares per step, over all processes", metavar="B")
    option("lr", float, "learning rate", metavar="R")
    option("warmup", int, "steps in which the learning rate rises", metavar="N")
    option("ema", float, "decay of the averaged weights", metavar="D")
    option("clip", float, "largest norm of a gradient", metavar="G")
    option("seed", int, "random seed", metavar="S")
    option("device", str, "cpu, cuda, ...; auto is the GPU if there is one", metavar="D")
    option("precision", str, "of the convolutions", choices=["bf16", "fp32"])
    option("optimizer", str, "what turns gradients into steps", choices=["adam", "soap"])
    option("validate_minutes", float, "minutes between checkpoints, measured on --valid", metavar="M")


def given_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options given of a parser with `add_loop_arguments`, and the command line."""
    own = {"command_line", "whole_parser", "action"}
    return {name: value for name, value in vars(args).items() if name not in own} | {"command": args.command_line}


def run_choices(kind: type[Chosen], given: dict[str, Any], resume: bool) -> tuple[TrainConfig, Chosen]:
    """The choices of a training: the given options override those that a resumed run was started with."""
    if resume:
        return resumed(kind, given)
    if "data" not in given:
        raise UsageError("name the pictures to learn from: files or folders")
    loop, model = sort_options(given, TrainConfig, kind)
    return TrainConfig(**loop), kind(**model)
