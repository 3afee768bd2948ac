"""A training run becomes a model: its best checkpoint is frozen, with context tables and a card."""

import dataclasses
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lic.codec.entropy.entropy_model import ENTROPY_MODELS, ChannelTables, EntropyModel
from lic.codec.errors import BadModel
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.torch_network import freeze, thaw
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.constants import DOWNSAMPLING
from lic.tools.fitting.context_fit import fit_contexts
from lic.tools.fitting.latents import (
    CHUNKS,
    latent_chunks,
    second_look_chunks,
    sort_latents,
    square_crops,
    symbols_by_point,
)
from lic.tools.progress_bar import progress
from lic.tools.training.checkpoint import BEST, CHECKPOINT, CheckpointError, read_info, reading
from lic.tools.training.rate_distortion import best_checkpoint, read_run
from lic.tools.training.scores import measure
from lic.tools.usage import BadOptions

SECOND_LOOK_CROPS = 24
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
LEAST_GAIN = 0.01  # of the loss


def freeze_run(
    checkpoint: Path, name: str, data: Sequence[str] | None = None, *, entropy: str | None = None, count: int = CHUNKS
) -> FrozenModel:
    """Freeze the averaged weights of a checkpoint (or of a run's best) under a name.

    The entropy model, of the kind that `freeze_network` explains, and the cost of errors are fitted on `count` pictures
    of `data`, by default those that the run was trained on.
    """
    network, info = read_run(best_checkpoint(checkpoint))
    data = data or info["config"].get("data")
    if not data:
        raise CheckpointError(f"{checkpoint} does not say what it was trained on: name pictures with `data`")
    with reading(checkpoint):
        crops = square_crops(data, info["config"]["crop"], count)
    return freeze_network(network, crops, model_card(name, info), entropy)


def freeze_network(
    network: RateDistortionAutoencoder, crops: Tensor, card: dict[str, Any], entropy: str | None = None
) -> FrozenModel:
    """Freeze a network, the entropy model of which is fitted on crops (uint8, count x 3 x side x side).

    The card needs a `name`, and says which `distortion` chooses the second looks (mse if it does not). `entropy` is
    "channels" for one table per channel, or a kind of one's own; contexts if it is not given.
    """
    if entropy not in (None, "channels"):
        check_own(entropy)
    first = sort_latents(network, latent_chunks(network, crops))
    choose_shares(network, crops[: min(SECOND_LOOK_CROPS, 1 + len(crops) // 8)], card.get("distortion", "mse"))
    model = freeze(network, card)
    return model if entropy == "channels" else _with_entropy(model, crops, first, entropy)


def with_entropy(model: FrozenModel, data: Sequence[str], entropy: str, name: str, count: int = CHUNKS) -> FrozenModel:
    """The same model with another entropy model, of a kind that `freeze_network` explains, and another name."""
    model = dataclasses.replace(model, card=model.card | {"name": name})
    if entropy == "channels":
        return dataclasses.replace(model, entropy=ChannelTables(model.heights))
    check_own(entropy)
    crops = square_crops(data, DOWNSAMPLING, count)
    return _with_entropy(model, crops, latent_chunks(thaw(model), crops), entropy)


def _with_entropy(model: FrozenModel, crops: Tensor, first: NDArray[np.float32], entropy: str | None) -> FrozenModel:
    network = thaw(model)
    second = second_look_chunks(network, crops, first) if network.shares.any() else None
    fitted: EntropyModel
    if entropy:
        fitted = ENTROPY_MODELS[entropy].fit([*symbols_by_point(network, first, second)])  # type: ignore[attr-defined]
    else:
        fitted = fit_contexts(model, first, second=second)
    return dataclasses.replace(model, entropy=fitted)


def check_own(entropy: str) -> None:
    """Refuse a kind of entropy model that is not there, or cannot be fitted to symbols."""
    own = [name for name, kind in ENTROPY_MODELS.items() if hasattr(kind, "fit")]
    if entropy not in own:
        there = f"choose from channels, {', '.join(own)}" if own else "name the module that has it in LIC_PARTS"
        raise BadOptions(f"there is no `entropy` {entropy}: {there}")


def with_qualities(model: FrozenModel, qualities: Sequence[float]) -> FrozenModel:
    """The same model, with another quality at each of its lambda points."""
    if len(qualities) != len(model.lambdas):
        raise BadOptions(f"{len(qualities)} `qualities` for {len(model.lambdas)} lambda points: give one for each")
    return dataclasses.replace(model, card=model.card | {"qualities": [*qualities]})


def choose_shares(network: RateDistortionAutoencoder, crops: Tensor, distortion: str) -> None:
    """Set the blend weight of the second look at each lambda point to the one with the lowest loss on crops.

    It is 0 where the gain is less than LEAST_GAIN, since a second look takes the time of a decoding and an encoding.
    """
    losses = torch.empty(len(crops), len(SHARES), len(network.lambdas))
    for of_crop, crop in zip(losses, progress(crops, "use of second looks at a picture"), strict=True):
        for of_share, share in zip(of_crop, SHARES, strict=True):
            network.shares.fill_(share)
            of_share.copy_(torch.tensor([score.loss for score in measure(network, [crop], nullcontext, distortion)]))
    by_share = losses.mean(dim=0)
    best, which = by_share.min(dim=0)
    worth_it = best < (1 - LEAST_GAIN) * by_share[0]
    network.shares.copy_(torch.tensor(SHARES)[which * worth_it])


def model_card(name: str, info: dict[str, Any]) -> dict[str, Any]:
    """The description of a model's training for its card; `freeze` adds shape and lambda points."""
    config = info["config"]
    training = {}
    if "elapsed" in info:  # bare weights do not tell
        training = {
            "hours": round(info["elapsed"] / 3600, 2),
            "patches": info.get("patches", info["step"] * config["batch"]),
            "patch_size": config["crop"],
        }
    return training | {
        "name": name,
        "distortion": config.get("distortion", "mse"),
        "steps": info["step"],
        "data": info.get("data", {}),
        "validation": info.get("validation", []),
        "command": config.get("command", ""),
        "made_by": f"lic {version('lic-codec')}",
    }


def describe_choice(path: Path) -> str:
    """Which checkpoint of a run was used, and the score of the other one."""
    step = read_info(path)["step"]
    last = path.with_name(CHECKPOINT)
    if path.name == BEST and last.exists() and read_info(last)["step"] > step:
        return f"step {step:,}, the best by validation (the last is {read_info(last)['step']:,})"
    return f"step {step:,}"


def open_model(name: str, folder: Path, count: int = CHUNKS) -> tuple[FrozenModel, str]:
    """A model by name or path, or a training run that is frozen into `folder` first, with contexts of `count` pictures;
    and its path or name."""
    if not Path(name).is_dir():
        try:
            return find_model(name).load(), name
        except BadModel:
            pass
    try:
        model = freeze_run(Path(name), Path(name).stem, count=count)
    except (CheckpointError, OSError) as error:
        raise BadModel(f"{name} is neither a model nor a training run ({error})") from error
    path = folder / "report.safetensors"
    path.write_bytes(model.to_bytes())
    return model, str(path)
