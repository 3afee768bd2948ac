"""Fixtures that all tests share: pictures that are made here, and a tiny model that is really a codec."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray

from lic.codec.model.catalogue import MODELS_VARIABLE, find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.torch_network import freeze
from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.pca import pca_start

Pixels = NDArray[np.uint8]
collect_ignore = ["benchmarks", "fuzz/fuzz.py", "mutants/run.py"]  # programs, some of which need atheris or cosmic-ray

# Test pictures are so small that threads only wait for each other, on a busy machine for minutes. Tests of threads ask
# for them.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = os.environ["LIC_THREADS"] = "1"


@pytest.fixture(scope="session")
def photo() -> Pixels:
    """A photograph of odd size, 3 colours."""
    return np.ascontiguousarray(skimage.data.astronaut()[20:223, 100:361])


@pytest.fixture(scope="session")
def tiny_model_path(photo: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An untrained model (N = 8, M = 12, three lambda points) in a folder that LIC_MODELS names."""
    torch.manual_seed(0)
    network = RateDistortionAutoencoder(Architecture(n=8, m=12), (0.002, 0.02, 0.2), shares=(0, 0.5, 1))
    picture = torch.from_numpy(photo[:192, :256]).permute(2, 0, 1)[None].float() / 255
    pca_start(network, picture)
    folder = tmp_path_factory.mktemp("models")
    path = folder / "tiny.safetensors"
    path.write_bytes(freeze(network, {"name": "tiny"}).to_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MODELS_VARIABLE, str(folder))
        yield path


@pytest.fixture(scope="session")
def tiny_model(tiny_model_path: Path) -> FrozenModel:
    return find_model(tiny_model_path).load()
