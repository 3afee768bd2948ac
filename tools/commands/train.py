"""`lic train`: one network for all lambda points."""

import argparse
from pathlib import Path
from typing import Any

from lic.models.architecture import KINDS
from lic.tools.dataclass_options import add_options, option
from lic.tools.loop_options import add_loop_arguments, given_options, run_choices
from lic.tools.training.choices import DEFAULT_LAMBDAS, MS_SSIM_SCALE, RateDistortionChoices
from lic.tools.usage import UsageError

EXAMPLES = """\
examples:
  lic train photos/ -o run --hours 8 --valid held-out/   for a night
  lic train -o run --resume                              go on after an interruption
  lic train photos/ -o run --steps 50000 --lambdas 0.01  a network of its own for one rate
  lic train photos/ -o run --from photo --add-lambda 0.03 --only-gains --steps 500
                                                         a new lambda point in minutes
  lic train photos/ -o run --from photo --distortion ms-ssim+mse --hours 2
                                                         the same network, tuned for MS-SSIM
  lic train photos/ -o run --distortion mine:lpips --lambdas 0.5,2,8 --hours 2
                                                         for a distortion of one's own: tools/EXTENDING.md
  lic train photos/ -o run --from photo --architecture residual --optimizer soap --lr 1e-3 --batch 108 --steps 11600
                                                         a larger network that begins as the smaller one, on a GPU
  torchrun --nproc-per-node 4 -m lic train photos/ -o run --hours 8 --batch 64
                                                         on four GPUs
"""


def numbers(text: str) -> tuple[float, ...]:
    """Positive numbers separated by commas, in ascending order.

    >>> numbers("0.1,0.01")
    (0.01, 0.1)
    """
    values = tuple(sorted(float(part) for part in text.split(",")))
    if values[0] <= 0 or len(set(values)) < len(values):
        raise argparse.ArgumentTypeError(f"{text}: give different numbers above 0")
    return values


POINTS = ",".join(f"{value:g}" for value in DEFAULT_LAMBDAS)
MODEL = {
    # Not --n and --m: torchrun would take them for abbreviations of its own options.
    "n": option("channels of the inner layers", "--channels", metavar="N"),
    "m": option("channels of the latents", "--latents", metavar="M"),
    "kind": option(
        "the network's layers; a model by --from grows into them if it has fewer", "--architecture", choices=KINDS
    ),
    "distortion": option(
        "mse (255^2 * MSE), ms-ssim (1 - MS-SSIM), ms-ssim+mse (that and a small part of the other, which keeps it"
        " sharp), or a function of your own: module:function",
        metavar="NAME",
    ),
    "balance": option("weigh each point's loss by lambda^-B (1 at the points' geometric mean)", metavar="B"),
    "proxy": option(
        "replaces rounding in the distortion: noise as in the rate, or rounded latents with the gradient of unrounded"
        " ones"
    ),
    "softness": option("soft rounding before the noise in the rate; 0 for none", "--soft-rounding", metavar="A"),
    "rate": option("the rate: by a table for each channel, or by contexts, which are learned along with the network"),
    "look_twice": option(
        "at lambda points with a second look: at all pictures; at half of them, so that encoding can do without; or"
        " never, for a model without second looks"
    ),
    "rounded_share": option("last fraction of the run, for the decoder alone, on rounded latents", metavar="S"),
    "lambdas": option(
        f"lambda points ({POINTS}; these times {MS_SSIM_SCALE:g} with ms-ssim)", type=numbers, metavar="L,..."
    ),
    "start_from": option(
        "start from a trained model: its name, its .safetensors file, or the folder of a run; channels that its low"
        " lambda points gave up are revived unless it grows, and its second looks are used in training, too",
        "--from",
        metavar="MODEL",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic train DATA... -o RUN (--steps N | --hours H) [options]"
    parser.description = f"{parser.description}\n\n{EXAMPLES}"
    add_loop_arguments(parser)
    model = parser.add_argument_group("the model")
    add_options(model, RateDistortionChoices, MODEL)
    model.add_argument("--add-lambda", type=numbers, metavar="L,...", help="new points beside those of MODEL")
    about = "train only the gains of the new points; MODEL's own points do not change"
    model.add_argument("--only-gains", action="store_true", help=about)


def model_choices(given: dict[str, Any]) -> dict[str, Any]:
    """The options, with everything that --from implies: the model's shape, lambda points, trained parameters."""
    from lic.tools.training.distortions import converted  # not at the top: --help does without torch
    from lic.tools.training.rate_distortion import starting_from

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
    return given | {name: getattr(implied, name) for name in RateDistortionChoices.FIXED}


def run(args: argparse.Namespace) -> int:
    from lic.tools.training.distortions import get_distortion  # not at the top: --help does without torch
    from lic.tools.training.loop import train
    from lic.tools.training.parallel import is_first_process
    from lic.tools.training.rate_distortion import RateDistortion

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
