"""`lic vae`: the variational autoencoder on the codec's layers, to train and to look into."""

import argparse
import io
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lic.codec.errors import LicError
from lic.models.constants import DOWNSAMPLING, PEAK
from lic.models.theory.gaussian import kl, standard_normal
from lic.models.theory.vae import Vae, bits_per_dimension
from lic.tools.cli import UsageError
from lic.tools.commands.train import add_loop_arguments, chosen, read_options
from lic.tools.files import write_whole
from lic.tools.studies.comparisons import add_comparison_arguments, compare_colour, compare_objectives
from lic.tools.studies.small_trainings import full_precision
from lic.tools.training.loop import TrainConfig, train
from lic.tools.training.pictures import load_picture, load_pictures
from lic.tools.training.variational import Variational, load_vae, measure, score_table, whole_blocks

EXAMPLES = """\
examples:
  lic vae train photos/ -o run --steps 5000 --crop 64      patches of photographs
  lic vae train thumbs/ -o run --steps 5000 --crop 32 --free-bits 0.1
  lic vae sample run -o samples.png --size 64x64
  lic vae reconstruct run photo.png -o reconstruction.png
  lic vae interpolate run a.png b.png -o between.png
  lic vae traverse run photo.png -o traversal.png
  lic vae objectives photos/ --valid held-out/             VAE, noisy channel and codec in one table
  lic vae colour photos/ --valid held-out/                 what grey tells about colour, in bits

Posterior collapse: a channel whose q(z|x) is the prior for every picture carries nothing. `train` counts the
active units, those that do carry something. If there are too few, start without a price on the KL
(--kl-warmup 0.3) or leave each latent some bits for free (--free-bits 0.1).
"""

UNITS = """\
As a density, -ELBO is {unit:.4f} bits per value if pictures run from 0 to 1, {levels:.4f} if they run from 0
to 255: it holds ln g, and g, the scale of the noise, is in the unit of the picture. So that number has no
meaning of its own. The bits per 8-bit value above are those of the probabilities of 256 levels: no unit."""

REPORTED = 8  # pictures that the report after a training is about
GAP = 4  # white pixels between the pictures of a panel


class BadPicture(LicError):
    """A picture does not suit the VAE."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic vae ACTION ..."
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, line: str) -> argparse.ArgumentParser:
        return actions.add_parser(
            name, help=line, description=line, formatter_class=argparse.RawDescriptionHelpFormatter
        )

    def looking(name: str, line: str, *pictures: str) -> argparse.ArgumentParser:
        sub = action(name, line)
        sub.add_argument("run", type=Path, metavar="RUN", help="folder of `lic vae train`, or a checkpoint")
        for picture in pictures:
            sub.add_argument(picture, type=Path, metavar=picture.upper(), help="a picture")
        sub.add_argument("-o", "--output", type=Path, required=True, metavar="PNG", help="picture to write")
        sub.add_argument("--seed", type=int, default=0, help="of everything random (0)")
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
    parser.usage = "lic vae train DATA... -o RUN (--steps N | --hours H) [options]"
    add_loop_arguments(parser)
    default = Variational()
    model = parser.add_argument_group("the model")
    model.add_argument("--channels", dest="n", type=int, metavar="N", help=f"of the inner layers ({default.n})")
    model.add_argument("--latents", dest="m", type=int, metavar="M", help=f"channels of the latents ({default.m})")
    model.add_argument("--noise", choices=["gaussian", "laplace"], help="L2 or L1 reconstruction (gaussian)")
    model.add_argument(
        "--lambda", type=float, dest="lambda_", metavar="L",
        help="give the noise instead of learning it: rate + L * squared error, a noisy channel",
    )  # fmt: skip
    model.add_argument("--kl-warmup", type=float, metavar="S", help="share of the run with a rising KL (0)")
    model.add_argument("--free-bits", type=float, metavar="B", help="bits per latent without a price (0)")


def size(text: str) -> tuple[int, int]:
    """Height and width.

    >>> size("64x32")
    (64, 32)
    """
    height, width = (int(part) for part in text.split("x"))
    if height % DOWNSAMPLING or width % DOWNSAMPLING or min(height, width) < 1:
        raise argparse.ArgumentTypeError(f"{text}: give two multiples of {DOWNSAMPLING}, like 64x32")
    return height, width


def read(path: Path) -> Tensor:
    """A picture, cropped to multiples of 16, as 1 x 3 x H x W in 0..1."""
    picture = whole_blocks(load_picture(path))
    if not picture.numel():
        raise BadPicture(f"{path} is smaller than {DOWNSAMPLING} x {DOWNSAMPLING}: give a larger picture")
    return picture[None].float() / PEAK


def panel(rows: list[list[Tensor]]) -> Image.Image:
    """Pictures of one size (3 x H x W in 0..1, clipped) in rows, on white."""
    _, height, width = rows[0][0].shape
    columns = max(len(row) for row in rows)
    canvas = torch.ones(3, len(rows) * (height + GAP) - GAP, columns * (width + GAP) - GAP)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = i * (height + GAP), j * (width + GAP)
            canvas[:, top : top + height, left : left + width] = picture
    levels = canvas.clamp(0, 1).mul(PEAK).round().byte().permute(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(levels.numpy()))


def save_panel(path: Path, rows: list[list[Tensor]]) -> None:
    buffer = io.BytesIO()
    panel(rows).save(buffer, "PNG")
    write_whole(path, buffer.getvalue())
    print(f"{path}: {len(rows)} x {len(rows[0])} pictures")


def sample_rows(vae: Vae, count: int, size: tuple[int, int], seed: int) -> list[list[Tensor]]:
    """Samples of the model, in rows of about equal number."""
    pictures = list(vae.sample(count, *size, torch.Generator().manual_seed(seed)))
    columns = int(np.ceil(count**0.5))
    return [pictures[i : i + columns] for i in range(0, count, columns)]


class Reconstruction(NamedTuple):
    """A picture, and what the VAE makes of it (all 3 x H x W)."""

    original: Tensor
    best: Tensor
    sample: Tensor
    deviation: Tensor


def reconstruct(vae: Vae, x: Tensor, samples: int, generator: torch.Generator) -> Reconstruction:
    q = vae.encode(x)
    sample = vae.decode(q.sample(torch.randn(q.mean.shape, generator=generator)))
    return Reconstruction(x[0], vae.reconstruct(x)[0], sample[0], vae.uncertainty(x, samples, generator)[0])


def between(vae: Vae, first: Tensor, second: Tensor, steps: int) -> list[Tensor]:
    """Decoded points on the line between the posterior means of two pictures, cropped to a common size."""
    height, width = (min(a, b) for a, b in zip(first.shape[2:], second.shape[2:], strict=True))
    ends = [vae.encode(x[:, :, :height, :width]).mean for x in (first, second)]
    return [vae.decode(torch.lerp(ends[0], ends[1], float(t)))[0] for t in torch.linspace(0, 1, steps)]


def traversals(vae: Vae, x: Tensor, channels: int, span: float, columns: int = 7) -> list[list[Tensor]]:
    """A row for each of the channels that say most about x: decoded with that channel moved everywhere."""
    q = vae.encode(x)
    information = kl(q, standard_normal(q.mean)).sum((0, 2, 3))
    rows = []
    for channel in information.argsort(descending=True)[:channels].tolist():
        row = []
        for shift in torch.linspace(-span, span, columns):
            z = q.mean.clone()
            z[:, channel] += shift
            row.append(vae.decode(z)[0])
        rows.append(row)
    return rows


def run_train(args: argparse.Namespace) -> int:
    given = vars(args) | {"command": args.command_line}
    options = read_options(given, Variational.NAME, {"n", "m", "noise", "lambda_"})
    config = chosen(TrainConfig, options)
    checkpoint = train(chosen(Variational, options), config, bool(options.get("resume")))
    pictures = list(islice(load_pictures(config.valid or config.data, DOWNSAMPLING, quiet=True), REPORTED))
    vae = load_vae(checkpoint)
    score = measure(vae, pictures, full_precision)
    print(f"{checkpoint}, on {len(pictures)} {'held-out' if config.valid else 'training'} pictures")
    print(score_table(score))
    print(UNITS.format(unit=score.density_bits - np.log2(PEAK), levels=score.density_bits))
    return 0


def run_sample(args: argparse.Namespace) -> int:
    save_panel(args.output, sample_rows(load_vae(args.run), args.count, args.size, args.seed))
    return 0


def run_reconstruct(args: argparse.Namespace) -> int:
    vae, x = load_vae(args.run), read(args.picture)
    result = reconstruct(vae, x, args.samples, torch.Generator().manual_seed(args.seed))
    deviation = result.deviation / result.deviation.max().clamp(min=1e-12)
    save_panel(args.output, [[result.original, result.best, result.sample, deviation]])
    psnr = -10 * (result.best - result.original).square().mean().log10()
    print("original; from the mean of q(z|x) (MAP); from a sample; deviation over samples, white being largest")
    print(f"MAP {psnr:.2f} dB, {float(bits_per_dimension(vae, x)):.3f} bits per 8-bit value,", end=" ")
    print(f"deviation up to {float(result.deviation.max()) * PEAK:.1f} grey levels")
    return 0


def run_interpolate(args: argparse.Namespace) -> int:
    row = between(load_vae(args.run), read(args.first), read(args.second), args.steps)
    save_panel(args.output, [row])
    return 0


def run_traverse(args: argparse.Namespace) -> int:
    save_panel(args.output, traversals(load_vae(args.run), read(args.picture), args.channels, args.span))
    return 0


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "train": run_train,
    "sample": run_sample,
    "reconstruct": run_reconstruct,
    "interpolate": run_interpolate,
    "traverse": run_traverse,
    "objectives": compare_objectives,
    "colour": compare_colour,
}


def run(args: argparse.Namespace) -> int:
    for name in ("count", "samples", "steps", "channels"):
        value = getattr(args, name, None)
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value}: give 1 or more")
    with torch.set_grad_enabled(args.action in ("train", "objectives", "colour")):
        return ACTIONS[args.action](args)
