"""`lic train`: one network for all lambda points; and the options that every training shares."""

import argparse
import dataclasses
import sys
from typing import Any

from lic.tools.loop import TrainConfig, train
from lic.tools.rate_distortion import RateDistortion

EXAMPLES = """\
examples:
  lic train photos/ -o run --hours 8 --valid held-out/   for a night
  lic train -o run --resume                              go on after an interruption
  lic train photos/ -o run --steps 50000 --lambdas 0.01  a network of its own for one rate
  torchrun --nproc-per-node 4 -m lic.tools.train photos/ -o run --hours 8 --batch 64
                                                         on four GPUs
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic train DATA... -o RUN (--steps N | --hours H) [options]"
    parser.epilog = EXAMPLES
    add_loop_arguments(parser)
    default = RateDistortion()
    model = parser.add_argument_group("the model")
    points = ",".join(f"{value:g}" for value in default.lambdas)
    model.add_argument("--lambdas", type=numbers, metavar="L,L,...", help=f"lambda points ({points})")
    model.add_argument("--n", type=int, help=f"channels of the inner layers ({default.n})")
    model.add_argument("--m", type=int, help=f"channels of the latents ({default.m})")
    model.add_argument(
        "--rounded-share", type=float, metavar="S",
        help=f"last share of the run, for the decoder alone, on rounded latents ({default.rounded_share})",
    )  # fmt: skip


def add_loop_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `TrainConfig`. What is not given stays out of the namespace."""
    parser.argument_default = argparse.SUPPRESS
    default = {field.name: field.default for field in dataclasses.fields(TrainConfig)}
    parser.add_argument("data", nargs="*", metavar="DATA", help="pictures and folders of pictures to learn from")
    parser.add_argument("-o", "--output", required=True, metavar="RUN", help="folder for checkpoints and log")
    parser.add_argument("--valid", nargs="+", metavar="DATA", help="pictures to choose the best checkpoint by")
    parser.add_argument("--resume", action="store_true", default=False, help="go on with the run in the folder")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="how long to train, in steps")
    length.add_argument("--hours", type=float, help="how long to train, in hours")
    loop = parser.add_argument_group("the training")

    def option(name: str, kind: Any, help: str, **more: Any) -> None:
        loop.add_argument("--" + name.replace("_", "-"), type=kind, help=f"{help} ({default[name]})", **more)

    option("crop", int, "side of the squares cut from the pictures, a multiple of 16")
    option("batch", int, "squares per step, over all processes")
    option("lr", float, "learning rate")
    option("warmup", int, "steps in which the learning rate rises")
    option("ema", float, "decay of the averaged weights")
    option("clip", float, "largest norm of a gradient")
    option("seed", int, "of everything random")
    option("device", str, "cpu, cuda, ...; auto is the GPU if there is one")
    option("precision", str, "of the convolutions", choices=["bf16", "fp32"])
    option("validate_minutes", float, "minutes between checkpoints, each measured if --valid is given")


def numbers(text: str) -> tuple[float, ...]:
    """Comma-separated numbers.

    >>> numbers("0.01,0.1")
    (0.01, 0.1)
    """
    return tuple(float(part) for part in text.split(","))


def chosen(cls: type, options: dict[str, Any]) -> Any:
    """A dataclass from those options that are its fields; lists become tuples, as JSON knows none."""
    names = {field.name for field in dataclasses.fields(cls)}
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in options.items() if name in names}
    return cls(**values)


def run(args: argparse.Namespace) -> int:
    options = vars(args)
    train(chosen(RateDistortion, options), chosen(TrainConfig, options), args.resume)
    return 0


if __name__ == "__main__":
    from lic.tools.cli import main

    sys.exit(main(["train", *sys.argv[1:]]))
