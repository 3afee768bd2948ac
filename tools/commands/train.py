"""`lic train`: one network for all lambda points."""

import argparse
from pathlib import Path
from typing import Any

from lic.tools.loop_options import add_loop_arguments, add_options, given_options, run_choices
from lic.tools.training.distortions import MS_SSIM_SCALE, converted, get_distortion
from lic.tools.training.loop import train
from lic.tools.training.parallel import is_first_process
from lic.tools.training.rate_distortion import DEFAULT_LAMBDAS, RateDistortion, starting_from
from lic.tools.usage import UsageError

EXAMPLES = """\
examples:
  lic train photos/ -o run --hours 8 --valid held-out/   for a night
  lic train -o run --resume                              go on after an interruption
  lic train photos/ -o run --steps 50000 --lambdas 0.01  a network of its own for one rate
  lic train photos/ -o run --from photo --add-lambda 0.03 --only-gains --steps 500
                                                         a new lambda point in minutes
  lic train photos/ -o run --from photo --distortion ms-ssim --hours 2
                                                         the same network, tuned for MS-SSIM
  lic train photos/ -o run --distortion mine:lpips --lambdas 0.5,2,8 --hours 2
                                                         for a distortion of one's own: tools/EXTENDING.md
  lic train photos/ -o run --from photo --architecture residual --optimizer soap --lr 1e-3 --batch 108 --steps 11600
                                                         a larger network that begins as the smaller one, on a GPU
  torchrun --nproc-per-node 4 -m lic train photos/ -o run --hours 8 --batch 64
                                                         on four GPUs
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic train DATA... -o RUN (--steps N | --hours H) [options]"
    parser.description = f"{parser.description}\n\n{EXAMPLES}"
    add_loop_arguments(parser)
    model = parser.add_argument_group("the model")
    add_options(model, RateDistortion)
    points = ",".join(f"{value:g}" for value in DEFAULT_LAMBDAS)
    about = f"lambda points ({points}; these times {MS_SSIM_SCALE:g} for ms-ssim)"
    model.add_argument("--lambdas", type=numbers, metavar="L,...", help=about)
    model.add_argument(
        "--from",
        dest="start_from",
        metavar="MODEL",
        help="start from a trained model: its name, its .safetensors file, or the folder of a run; channels that its"
        " low lambda points gave up are revived unless it grows, and its second looks are used in training, too",
    )
    model.add_argument("--add-lambda", type=numbers, metavar="L,...", help="new points beside those of MODEL")
    about = "train only the gains of the new points; MODEL's own points do not change"
    model.add_argument("--only-gains", action="store_true", help=about)


def numbers(text: str) -> tuple[float, ...]:
    """Positive numbers separated by commas, in ascending order.

    >>> numbers("0.1,0.01")
    (0.01, 0.1)
    """
    values = tuple(sorted(float(part) for part in text.split(",")))
    if values[0] <= 0 or len(set(values)) < len(values):
        raise argparse.ArgumentTypeError(f"{text}: give different numbers above 0")
    return values


def model_choices(given: dict[str, Any]) -> dict[str, Any]:
    """The options, with everything that --from implies: the model's shape, lambda points, trained parameters."""
    more: dict[str, Any] = {name: given.pop(name) for name in ("add_lambda", "only_gains") if name in given}
    if "only_gains" in more and "add_lambda" not in more:
        raise UsageError("--only-gains trains new lambda points: name them by --add-lambda")
    if "start_from" not in given:
        if more:
            raise UsageError("--add-lambda adds to a trained model: name it by --from")
        if "distortion" in given and "lambdas" not in given:
            given["lambdas"] = tuple(converted(DEFAULT_LAMBDAS, "mse", given["distortion"]))
        return given
    if given.keys() & {"n", "m"}:
        raise UsageError("--channels and --latents are those of the model that --from names: leave them out")
    if "add_lambda" in more and "lambdas" in given:
        raise UsageError("--lambdas names all points, --add-lambda those beside the model's own: give one of them")
    more |= {name: given[name] for name in ("lambdas", "distortion", "kind", "rate") if name in given}
    implied = starting_from(given["start_from"], **more)
    return given | {name: getattr(implied, name) for name in RateDistortion.FIXED}


def run(args: argparse.Namespace) -> int:
    given = given_options(args)
    resume = given.pop("resume", False)
    config, objective = run_choices(RateDistortion, model_choices(given), resume)
    if config.crop < (smallest := get_distortion(objective.distortion).smallest):
        raise UsageError(f"--distortion {objective.distortion} needs a --crop of {smallest} or more")
    train(objective, config, resume)
    model = f"{Path(config.output).name}.safetensors"
    if is_first_process():
        print(f"next: lic export {config.output} -o {model}, then lic encode photo.jpg -m ./{model}")
    return 0
