"""Untrained models whose weights are all at random, so that every layer matters."""

from dataclasses import replace

import numpy as np
import torch

from lic.codec.model.frozen import FrozenModel
from lic.codec.model.network_weights import pack
from lic.codec.picture import filtering
from lic.codec.picture.pixels import Pixels
from lic.codec.transform.torch_network import freeze
from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder

POSITION = 256  # of the second lambda point


def random_model(kind: str, n: int = 8, m: int = 12) -> FrozenModel:
    """Those of GDN keep their order of magnitude."""
    torch.manual_seed(n + m)
    network = RateDistortionAutoencoder(Architecture(kind, n, m), (0.01, 0.1), shares=(0.4, 0.8))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if ".expand." in name:  # zero before training
                parameter.copy_(0.2 * torch.randn_like(parameter))
            if name.endswith(("beta_root", "gamma_root", ".place")):
                parameter.add_(0.1 * torch.randn_like(parameter))
            if name == "trust":
                parameter.copy_(torch.rand_like(parameter))
    return with_extras(freeze(network, {"name": kind}))


def with_extras(model: FrozenModel) -> FrozenModel:
    """The model with a quick look, which its card does not use, and a network for previews."""
    random = np.random.default_rng(0)
    weights = {
        name: 0.5 * random.standard_normal(shape, np.float32) / np.sqrt(np.prod(shape[1:], dtype=np.float32))
        for shapes in model.architecture.extra_tensors.values()
        for name, shape in shapes.items()
    }
    stored = model.stored_weights | pack(weights, model.architecture)
    return replace(model, stored_weights=stored)


def random_pixels(height: int, width: int) -> Pixels:
    """Smooth, with noise."""
    random = np.random.default_rng(height + width)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(y / 9), np.cos(x / 7), np.sin((x + y) / 11)], -1)
    return np.clip(128 + 90 * waves + random.normal(0, 12, waves.shape), 0, 255).astype(np.uint8)


def with_filter(model: FrozenModel) -> FrozenModel:
    """The same model, with a filter that moves most pixels."""
    random = np.random.default_rng(5)
    weights = np.rint(20 * random.standard_normal((len(model.lambdas), *filtering.SHAPE))).astype(np.int64)
    return replace(model, filter=weights)


def with_tiny_latents(model: FrozenModel) -> FrozenModel:
    """A model without bottlenecks, with latents around the smallest number that is not subnormal."""
    name = [name for name in model.architecture.tensors if name.startswith("analysis.") and name.endswith(".weight")][
        -1
    ]
    layer = name.removesuffix("weight")
    stored = {key: array for key, array in model.stored_weights.items() if not key.startswith(layer)}
    smaller = {key: model.weight(key) * np.float32(2**-122) for key in (name, f"{layer}bias")}
    return replace(model, stored_weights=stored | smaller)
