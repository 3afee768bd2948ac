"""From trained torch networks to frozen models, and back."""

from typing import Any

import numpy as np
import torch

from lic.codec.entropy.entropy_model import ChannelTables
from lic.codec.entropy.tables import MAX_STEP, STEP_BITS, integer_heights
from lic.codec.model.catalogue import FORMAT
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.network_weights import pack
from lic.models.autoencoder import RateDistortionAutoencoder


def freeze(network: RateDistortionAutoencoder, card: dict[str, Any]) -> FrozenModel:
    """Convert a trained network into the integers that encoders and decoders use; done once, after training."""
    heights = integer_heights(network.density.heights().detach().double().cpu().numpy())
    unit = network.density.unit.double().cpu().numpy()
    step = np.exp(-network.log_gain.detach().double().cpu().numpy())
    steps = np.clip(np.round(step / unit * 2**STEP_BITS), 1, MAX_STEP).astype(np.int64)
    steps = np.minimum.accumulate(steps, axis=0)  # steps must not grow along the lambda points
    restore = (network.log_inverse_gain + network.log_gain).detach().double().cpu().exp().numpy()
    restore = restore.astype(np.float32).astype(np.float64)
    architecture, state = network.architecture, network.state_dict()
    weights = pack({name: state[name].float().cpu().numpy() for name in architecture.tensors}, architecture)
    trust = state["trust"].float().cpu().numpy().astype(np.float64) if architecture.predictors else None
    card = (
        {"distortion": "mse"}
        | card
        | {
            "format": FORMAT,
            "network": {"kind": architecture.kind, "n": architecture.n, "m": architecture.m},
            "lambdas": [*network.lambdas],
            "second_look": [round(share, 6) for share in network.shares.tolist()],  # float32 cannot represent 0.6
        }
    )
    return FrozenModel(heights, steps, unit, restore, weights, card, ChannelTables(heights), trust)


def thaw(model: FrozenModel) -> RateDistortionAutoencoder:
    """The trained network behind a model, in float32: the inverse of `freeze` up to rounding."""
    with torch.inference_mode(False):  # gradients are needed later, whichever mode the caller is in
        network = RateDistortionAutoencoder(model.architecture, model.lambdas, model.second_looks)
        step = model.steps * model.unit / 2**STEP_BITS
        state = network.state_dict()
        state |= {name: torch.from_numpy(model.weight(name)) for name in model.architecture.tensors}
        state["log_gain"] = torch.from_numpy(-np.log(step)).float()
        state["log_inverse_gain"] = torch.from_numpy(np.log(step * model.restore)).float()
        state["density.unit"] = torch.from_numpy(model.unit).float()
        if model.trust is not None:
            state["trust"] = torch.from_numpy(model.trust).float()
        state["density.log_heights"] = torch.from_numpy(np.log(np.maximum(model.heights, 1e-3))).float()
        network.load_state_dict(state)
        return network.requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
