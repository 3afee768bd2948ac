"""The options shared by all trainings."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from lic.tools.own_parts import is_own
from lic.tools.training.loop import AnyChoices, TrainConfig, resumed, sort_options
from lic.tools.usage import UsageError, in_flags


def add_loop_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `TrainConfig`. Options that are not given are absent from the namespace; see `run_choices`."""
    parser.argument_default = argparse.SUPPRESS
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
    add_options(parser.add_argument_group("the training"), TrainConfig)


def add_options(parser: argparse._ActionsContainer, kind: type) -> None:
    """An option for each field of a dataclass that was made by `option`."""
    for field in dataclasses.fields(kind):
        if said := field.metadata:
            text = said["help"] if field.default is None else f"{said['help']} ({field.default})"
            flag = said["flag"] or in_flags(f"`{field.name}`")
            default = parser.argument_default or field.default
            parser.add_argument(flag, dest=field.name, default=default, help=text, **said["more"])


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
