"""`lic learn vae`: train and examine a variational autoencoder on the codec's layers."""

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lic.models.constants import DOWNSAMPLING, PEAK
from lic.models.distortion import mse, psnr
from lic.models.theory.vae import bits_per_dimension
from lic.tools.course.comparisons import colour_curves, colour_table, objective_rows, objective_table
from lic.tools.course.small_trainings import TO_LEARN_FROM, TO_MEASURE_ON, Bench, sample_paths
from lic.tools.course.vae_panels import between, panel, read, reconstruct, sample_rows, traversals
from lic.tools.dataclass_options import add_options, option
from lic.tools.files import write_whole
from lic.tools.loop_options import add_loop_arguments, given_options, run_choices
from lic.tools.training.loop import train
from lic.tools.training.pictures import load_pictures
from lic.tools.training.variational import Variational, load_vae, measure, score_table
from lic.tools.usage import UsageError, add_force, check_output

EXAMPLES = """\
examples:
  lic learn vae train photos/ -o run --steps 5000 --crop 64      patches of photographs
  lic learn vae train thumbs/ -o run --steps 5000 --crop 32 --free-bits 0.1
  lic learn vae sample run -o samples.png --size 64x64
  lic learn vae reconstruct run photo.png -o reconstruction.png
  lic learn vae interpolate run a.png b.png -o between.png
  lic learn vae traverse run photo.png -o traversal.png
  lic learn vae objectives photos/ --valid held-out/             VAE, noisy channel and codec in one table
  lic learn vae colour photos/ --valid held-out/                 what grey tells about colour, in bits

Posterior collapse: a channel whose q(z|x) is the prior for every picture carries nothing. `train` counts the
active units, those that do carry something. If there are too few, start without a price on the KL
(--kl-warmup 0.3) or leave each latent some bits for free (--free-bits 0.1).
"""

UNITS = """\
As a density, -ELBO is {unit:.4f} bits per value if pictures run from 0 to 1, {levels:.4f} if they run from 0
to 255: it holds ln g, and g, the scale of the noise, is in the unit of the picture. So that number has no
meaning of its own. The bits per 8-bit value above are those of the probabilities of 256 levels: no unit."""

MODEL = {
    "n": option("channels of the inner layers", "--channels", metavar="N"),
    "m": option("channels of the latents", "--latents", metavar="M"),
    "noise": option("L2 or L1 reconstruction"),
    "lambda_": option(
        "fix the noise instead of learning it: rate + L * squared error, a noisy channel", type=float, metavar="L"
    ),
    "kl_warmup": option("fraction of the run in which the weight of the KL rises from 0 to 1", metavar="S"),
    "free_bits": option("bits per latent, averaged over a channel, that are not charged", metavar="B"),
}
TRAININGS = {
    "steps": option("of each training", metavar="N"),
    "crop": option(f"side of the crops, a multiple of {DOWNSAMPLING}", metavar="C"),
    "batch": option("crops per step", metavar="B"),
    "seed": option("random seed", metavar="S"),
}
REPORTED = 8  # pictures in the report after a training


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic learn vae ACTION ..."
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, line: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=line, description=line, formatter_class=parser.formatter_class)

    def looking(name: str, line: str, *pictures: str) -> argparse.ArgumentParser:
        sub = action(name, line)
        sub.add_argument("run", type=Path, metavar="RUN", help="folder of `lic learn vae train`, or a checkpoint")
        for picture in pictures:
            sub.add_argument(picture, type=Path, metavar=picture.upper(), help="a picture")
        sub.add_argument("-o", "--output", type=Path, required=True, metavar="PNG", help="picture to write")
        add_force(sub)
        sub.add_argument("--seed", type=int, default=0, help="random seed (0)")
        return sub

    add_train_arguments(action("train", "train a VAE, or with --lambda a noisy-channel autoencoder"))
    sample = looking("sample", "pictures out of the prior")
    sample.add_argument("--count", type=int, default=16, help="how many pictures (16)")
    sample.add_argument("--size", type=size, default=(64, 64), metavar="HxW", help="in 16s (64x64)")
    reconstruct = looking("reconstruct", "a picture, from z's mean, from a sample; uncertainty", "picture")
    reconstruct.add_argument("--samples", type=int, default=16, help="of z, for the uncertainty (16)")
    interpolate = looking("interpolate", "from one picture to another, between their latents", "first", "second")
    interpolate.add_argument("--steps", type=int, default=7, help="pictures in the row (7)")
    traverse = looking("traverse", "a picture, one latent channel after the other moved", "picture")
    traverse.add_argument("--channels", type=int, default=8, help="the most informative ones (8)")
    traverse.add_argument("--span", type=float, default=3.0, help="how far, in standard deviations (3)")
    add_comparison_arguments(action("objectives", "VAE, noisy channel and codec: same layers, data, budget"))
    add_comparison_arguments(action("colour", "bits for colour, with and without the grey picture"))


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic learn vae train DATA... -o RUN (--steps N | --hours H) [options]"
    add_loop_arguments(parser)
    add_options(parser.add_argument_group("the model"), Variational, MODEL)


def add_comparison_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", nargs="*", metavar="DATA", help="pictures to learn from (scikit-image's)")
    parser.add_argument("--valid", nargs="+", metavar="DATA", help="pictures to measure on (scikit-image's)")
    add_options(parser, Bench, TRAININGS)
    parser.add_argument("--channels", dest="n", type=int, default=32, metavar="N", help="of inner layers (32)")
    parser.add_argument("--latents", dest="m", type=int, default=64, metavar="M", help="of latents (64)")
    parser.add_argument("--lambda", type=float, default=0.03, dest="lambda_", help="of `objectives` (0.03)")


def size(text: str) -> tuple[int, int]:
    """Height and width.

    >>> size("64x32")
    (64, 32)
    """
    height, width = (int(part) for part in text.split("x"))
    if height % DOWNSAMPLING or width % DOWNSAMPLING or min(height, width) < 1:
        raise argparse.ArgumentTypeError(f"{text}: give two multiples of {DOWNSAMPLING}, like 64x32")
    return height, width


def save_panel(args: argparse.Namespace, rows: list[list[Tensor]]) -> None:
    path: Path = args.output
    write_whole(path, panel(rows), replace=args.force)
    print(f"{path}: {len(rows)} x {len(rows[0])} pictures")


def run_train(args: argparse.Namespace) -> int:
    given = given_options(args)
    resume = given.pop("resume", False)
    config, objective = run_choices(Variational, given, resume)
    checkpoint = train(objective, config, resume)
    pictures = list(islice(load_pictures(config.valid or config.data, DOWNSAMPLING, quiet=True), REPORTED))
    vae = load_vae(checkpoint)
    score = measure(vae, pictures, nullcontext)
    print(f"{checkpoint}, on {len(pictures)} {'held-out' if config.valid else 'training'} pictures")
    print(score_table(score))
    print(UNITS.format(unit=score.density_bits - np.log2(PEAK), levels=score.density_bits))
    return 0


def run_sample(args: argparse.Namespace) -> int:
    save_panel(args, sample_rows(load_vae(args.run), args.count, args.size, args.seed))
    return 0


def run_reconstruct(args: argparse.Namespace) -> int:
    vae, x = load_vae(args.run), read(args.picture)
    result = reconstruct(vae, x, args.samples, torch.Generator().manual_seed(args.seed))
    deviation = result.deviation / result.deviation.max().clamp(min=1e-12)
    save_panel(args, [[result.original, result.best, result.sample, deviation]])
    decibels = float(psnr(mse(result.best[None], result.original[None])))
    print("original; from the mean of q(z|x) (MAP); from a sample; deviation over samples, white being largest")
    print(f"MAP {decibels:.2f} dB, {float(bits_per_dimension(vae, x)):.3f} bits per 8-bit value,", end=" ")
    print(f"deviation up to {float(result.deviation.max()) * PEAK:.1f} grey levels")
    return 0


def run_interpolate(args: argparse.Namespace) -> int:
    row = between(load_vae(args.run), read(args.first), read(args.second), args.steps)
    save_panel(args, [row])
    return 0


def run_traverse(args: argparse.Namespace) -> int:
    save_panel(args, traversals(load_vae(args.run), read(args.picture), args.channels, args.span))
    return 0


def bench_of(args: argparse.Namespace) -> Bench:
    data = tuple(args.data) or sample_paths(TO_LEARN_FROM)
    return Bench(data, args.valid or sample_paths(TO_MEASURE_ON), args.steps, args.crop, args.batch, args.seed)


def run_objectives(args: argparse.Namespace) -> int:
    print(objective_table(objective_rows(bench_of(args), args.n, args.m, args.lambda_)))
    return 0


def run_colour(args: argparse.Namespace) -> int:
    print(colour_table(colour_curves(bench_of(args), args.n, args.m)))
    return 0


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "train": run_train,
    "sample": run_sample,
    "reconstruct": run_reconstruct,
    "interpolate": run_interpolate,
    "traverse": run_traverse,
    "objectives": run_objectives,
    "colour": run_colour,
}


def run(args: argparse.Namespace) -> int:
    for name in ("count", "samples", "steps", "channels"):
        value = getattr(args, name, None)
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value}: give 1 or more")
    if hasattr(args, "force"):
        check_output(args.output, force=args.force)
    with torch.set_grad_enabled(args.action in ("train", "objectives", "colour")):
        return ACTIONS[args.action](args)
