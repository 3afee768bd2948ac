"""`lic export`: a training run becomes a model file."""

import argparse
import dataclasses
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.torch_network import freeze
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.tools.cli import UsageError
from lic.tools.files import write_whole
from lic.tools.training.checkpoint import BEST, CHECKPOINT, read_info
from lic.tools.training.rate_distortion import Distortion, best_checkpoint, measure, read_run

EXAMPLES = """\
examples:
  lic export run -o photo.safetensors           the averaged weights of the run's best checkpoint
  lic encode picture.png -m photo.safetensors   and their use
"""
SECOND_LOOK_CROPS = 24
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
LEAST_GAIN = 0.01  # of the loss


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic export RUN -o MODEL.safetensors"
    parser.epilog = EXAMPLES
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run, or one of its checkpoints")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL.safetensors")
    parser.add_argument("--name", help="what the model is called; the file's name without its ending if not given")
    parser.add_argument(
        "--data", nargs="+", help="pictures to count context tables on; those that the run was trained on if not given"
    )
    parser.add_argument("--plain", action="store_true", help="one table per channel instead of context tables")
    parser.add_argument("-f", "--force", action="store_true", help="overwrite a model file that exists")


def run(args: argparse.Namespace) -> int:
    if args.output.suffix != ".safetensors":
        raise UsageError(f"{args.output} must end in .safetensors, to be found as a model")
    if args.output.exists() and not args.force:
        raise UsageError(f"{args.output} exists: give --force to overwrite it, and lose what only it can decode")
    path = best_checkpoint(args.run)
    model = export(path, args.name or args.output.stem, args.data, plain=args.plain)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(args.output, model.to_bytes())
    print(f"{args.output}: model {model.name}, fingerprint {model.fingerprint.hex()}, from {choice(path)}")
    return 0


def export(checkpoint: Path, name: str, data: Sequence[str] | None = None, *, plain: bool = False) -> FrozenModel:
    """Freeze the averaged weights of a checkpoint (or of a run's best) under a name.

    The context tables are counted on pictures of `data`, by default what the run was trained on.
    """
    from lic.tools.fitting.context_fit import (
        fit_contexts,
        latent_chunks,
        second_look_chunks,
        sort_latents,
        square_crops,
    )

    network, info = read_run(best_checkpoint(checkpoint))
    crops = square_crops(data or info["config"]["data"], info["config"]["crop"])
    first = sort_latents(network, latent_chunks(network, crops))
    card = model_card(name, info)
    choose_shares(network, crops[:SECOND_LOOK_CROPS], card["distortion"])
    model = freeze(network, card)
    if plain:
        return model
    second = second_look_chunks(network, crops, first) if network.shares.any() else None
    return dataclasses.replace(model, entropy=fit_contexts(model, first, second=second))


def choose_shares(network: RateDistortionAutoencoder, crops: Tensor, distortion: Distortion) -> None:
    """Set how far latents move towards those of a second look, at each lambda point, to what loses least on crops.

    Not at all where that gains less than LEAST_GAIN, since a second look takes the time of a decoding and an encoding.
    """
    losses = []
    for share in SHARES:
        network.shares.fill_(share)
        losses.append([score.loss for score in measure(network, list(crops), nullcontext, distortion)])
    by_share = torch.tensor(losses)
    best, which = by_share.min(dim=0)
    worth_it = best < (1 - LEAST_GAIN) * by_share[0]
    network.shares.copy_(torch.tensor(SHARES)[which * worth_it])


def model_card(name: str, info: dict[str, Any]) -> dict[str, Any]:
    """What a model file tells of its making; `freeze` adds shape and lambda points."""
    config = info["config"]
    return {
        "name": name,
        "distortion": config.get("distortion", "mse"),
        "steps": info["step"],
        "hours": round(info["elapsed"] / 3600, 2),
        "patches": info.get("patches", info["step"] * config["batch"]),
        "patch_size": config["crop"],
        "data": info.get("data", {}),
        "validation": info.get("validation", []),
        "command": config.get("command", ""),
        "made_by": f"lic {version('lic-codec')}",
    }


def choice(path: Path) -> str:
    """Which checkpoint of a run was taken, and how it stands to the other."""
    step = read_info(path)["step"]
    last = path.with_name(CHECKPOINT)
    if path.name == BEST and last.exists() and read_info(last)["step"] > step:
        return f"step {step:,}, the best by validation (the last is {read_info(last)['step']:,})"
    return f"step {step:,}"
