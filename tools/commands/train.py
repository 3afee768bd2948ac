"""`lic train`: one network for all lambda points; and the options that every training shares."""

import argparse
import dataclasses
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeVar

from lic.tools.cli import UsageError
from lic.tools.training.checkpoint import CHECKPOINT, read_info
from lic.tools.training.loop import TrainConfig, train
from lic.tools.training.rate_distortion import (
    DEFAULT_LAMBDAS,
    MS_SSIM_CROP,
    MS_SSIM_SCALE,
    RateDistortion,
    converted,
    read_network,
    rows_at,
)

EXAMPLES = """\
examples:
  lic train photos/ -o run --hours 8 --valid held-out/   for a night
  lic train -o run --resume                              go on after an interruption
  lic train photos/ -o run --steps 50000 --lambdas 0.01  a network of its own for one rate
  lic train photos/ -o run --from photo --add-lambda 0.03 --only-gains --steps 500
                                                         a new lambda point in minutes
  lic train photos/ -o run --from photo --distortion ms-ssim --hours 2
                                                         the same network, tuned for MS-SSIM
  torchrun --nproc-per-node 4 -m lic.tools.commands.train photos/ -o run --hours 8 --batch 64
                                                         on four GPUs
"""
Choices = TypeVar("Choices")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic train DATA... -o RUN (--steps N | --hours H) [options]"
    parser.description = f"{parser.description}\n\n{EXAMPLES}"
    add_loop_arguments(parser)
    default = RateDistortion()
    model = parser.add_argument_group("the model")
    points = ",".join(f"{value:g}" for value in default.lambdas)
    model.add_argument(
        "--lambdas",
        type=numbers,
        metavar="L,...",
        help=f"lambda points ({points}; these times {MS_SSIM_SCALE:g} for ms-ssim)",
    )
    # Not --n and --m: torchrun would take them for abbreviations of its own options.
    model.add_argument(
        "--channels", dest="n", type=int, metavar="N", help=f"channels of the inner layers ({default.n})"
    )
    model.add_argument("--latents", dest="m", type=int, metavar="M", help=f"channels of the latents ({default.m})")
    model.add_argument(
        "--distortion",
        choices=["mse", "ms-ssim"],
        help=f"what the lambdas weigh: 255^2 * MSE, or 1 - MS-SSIM ({default.distortion})",
    )
    model.add_argument(
        "--from",
        dest="start_from",
        metavar="MODEL",
        help="start from a trained model: its name, its .safetensors file, or the folder of a run; channels that its"
        " low points gave up start anew, and where it looks twice at pictures, so does training",
    )
    model.add_argument("--add-lambda", type=numbers, metavar="L,...", help="new points beside those of MODEL")
    model.add_argument(
        "--only-gains",
        action="store_true",
        help="train only the gains of the new points: what MODEL does at its own points stays as it is",
    )
    model.add_argument(
        "--balance",
        type=float,
        metavar="B",
        help=f"weigh each point's loss by lambda^-B ({default.balance:g})",
    )
    model.add_argument(
        "--proxy",
        choices=["noise", "straight-through"],
        help="what stands for rounding in the distortion: noise as in the rate, or rounded latents with the gradient"
        f" of unrounded ones ({default.proxy})",
    )
    model.add_argument(
        "--rounded-share",
        type=float,
        metavar="S",
        help=f"last share of the run, for the decoder alone, on rounded latents ({default.rounded_share:g})",
    )


def add_loop_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `TrainConfig`. What is not given stays out of the namespace; see `read_options`."""
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
    option("seed", int, "of everything random", metavar="S")
    option("device", str, "cpu, cuda, ...; auto is the GPU if there is one", metavar="D")
    option("precision", str, "of the convolutions", choices=["bf16", "fp32"])
    option("optimizer", str, "what turns gradients into steps", choices=["adam", "soap"])
    option("validate_minutes", float, "minutes between checkpoints, measured on --valid", metavar="M")


def numbers(text: str) -> tuple[float, ...]:
    """Positive numbers with commas between, in ascending order.

    >>> numbers("0.1,0.01")
    (0.01, 0.1)
    """
    values = tuple(sorted(float(part) for part in text.split(",")))
    if values[0] <= 0 or len(set(values)) < len(values):
        raise argparse.ArgumentTypeError(f"{text}: give different numbers above 0")
    return values


def read_options(given: dict[str, Any], objective: str, fixed: Collection[str]) -> dict[str, Any]:
    """The options `given`, on top of those that a resumed run was begun with; `fixed` ones cannot change."""
    if not given.get("resume"):
        if "data" not in given:
            raise UsageError("name the pictures to learn from: files or folders")
        return given
    before_there_was_a_choice = {"optimizer": "adam"}
    stored = before_there_was_a_choice | read_info(Path(given["output"], CHECKPOINT))["config"]
    if stored.get("objective", objective) != objective:
        raise UsageError(f"the run in {given['output']} trains another kind of model ({stored['objective']})")
    for name in {*fixed, "optimizer"} & given.keys():
        if name in stored and _tuple(stored[name]) != _tuple(given[name]):
            raise UsageError(
                f"--resume goes on with the run as it was begun, but its {name} would change: leave that option out"
            )
    if given.keys() & {"steps", "hours"}:
        stored |= {"steps": None, "hours": None}
    if given.keys() - {"output", "resume", "command"}:
        given = given | {"command": f"{stored.get('command', '')} && {given['command']}".removeprefix(" && ")}
    else:
        given = given | {"command": stored.get("command", "")}
    return stored | given


def chosen(cls: type[Choices], options: dict[str, Any]) -> Choices:
    """A dataclass from those options that are its fields; lists become tuples, as JSON knows none."""
    names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    return cls(**{name: _tuple(value) for name, value in options.items() if name in names})


def model_options(given: dict[str, Any]) -> dict[str, Any]:
    """The options with all that --from implies: the model's shape, its lambda points, what is trained."""
    added, only_gains = given.pop("add_lambda", ()), given.pop("only_gains", False)
    if only_gains and not added:
        raise UsageError("--only-gains trains new lambda points: name them by --add-lambda")
    if "start_from" not in given:
        if added:
            raise UsageError("--add-lambda adds to a trained model: name it by --from")
        if given.get("distortion") == "ms-ssim":
            given.setdefault("lambdas", tuple(value * MS_SSIM_SCALE for value in DEFAULT_LAMBDAS))
        return given

    if given.keys() & {"n", "m"}:
        raise UsageError("--channels and --latents are those of the model that --from names: leave them out")
    if added and "lambdas" in given:
        raise UsageError("--lambdas names all points, --add-lambda those beside the model's own: give one of them")
    network, trained_by = read_network(given["start_from"])
    distortion = given.setdefault("distortion", trained_by)
    if only_gains and distortion != trained_by:
        raise UsageError(f"--only-gains cannot change the --distortion, which is {trained_by}")
    lambdas = given.get("lambdas", tuple(converted(network.lambdas, trained_by, distortion)))
    if set(added) & set(lambdas):
        raise UsageError(f"{given['start_from']} has that lambda point: --add-lambda needs others")
    lambdas = tuple(sorted((*lambdas, *added)))
    shares = rows_at(lambdas, converted(network.lambdas, trained_by, distortion), network.shares[:, None], slope=0)
    return given | {
        **dataclasses.asdict(network.architecture),
        "lambdas": lambdas,
        "second_look": tuple(shares.clamp(0, 1).flatten().tolist()),
        "only_gains": added if only_gains else (),
    }


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def run(args: argparse.Namespace) -> int:
    given = dict(vars(args))
    given["command"] = given.pop("command_line")
    fixed = {"lambdas", "n", "m", "distortion", "only_gains", "second_look"}
    options = read_options(model_options(given), RateDistortion.NAME, fixed)
    objective, config = chosen(RateDistortion, options), chosen(TrainConfig, options)
    if objective.distortion == "ms-ssim" and config.crop < MS_SSIM_CROP:
        raise UsageError(f"--distortion ms-ssim needs a --crop of {MS_SSIM_CROP} or more")
    train(objective, config, bool(options.get("resume")))
    return 0


if __name__ == "__main__":
    from lic.tools.cli import main

    sys.exit(main(["train", *sys.argv[1:]]))
