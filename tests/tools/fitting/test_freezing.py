"""The decisions when a run is frozen into a model."""

import numpy as np
import torch

from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.pca import pca_start
from lic.tools.fitting.freezing import choose_shares
from tests.conftest import Pixels


def test_the_second_look_gets_the_share_that_loses_least(photo: Pixels) -> None:
    torch.manual_seed(0)
    network = RateDistortionAutoencoder(Architecture(n=8, m=12), (1e-9, 1000))
    crops = torch.from_numpy(np.stack([photo[:64, i : i + 96] for i in (0, 96)])).permute(0, 3, 1, 2)
    with torch.inference_mode():
        pca_start(network, crops.float() / 255)
        network.synthesis[-1].weight *= 0.8  # the latents are now too small for it
    choose_shares(network, crops, "mse")
    bits_count, error_counts = network.shares.tolist()
    assert bits_count == 0
    assert error_counts > 0.5
