"""A network for previews is fitted in minutes: first by least squares, then by descent."""

import numpy as np
import torch
from torch.nn import functional as F

from lic.codec.model.frozen import FrozenModel
from lic.tools.fitting.preview_fit import add_preview, examples_of, linear_preview, train_preview
from tests.conftest import Pixels


def test_pictures_come_nearer_to_the_means(tiny_model: FrozenModel, photo: Pixels) -> None:
    crops = torch.from_numpy(np.stack([photo[:128, i : i + 128] for i in (0, 60, 120)])).permute(0, 3, 1, 2)
    examples = examples_of(tiny_model, crops)
    network = linear_preview(tiny_model, examples)

    def error() -> float:
        with torch.no_grad():
            return float(F.mse_loss(network(examples.latents), examples.means))

    assert error() < 0.001 * float(examples.means.var())
    with torch.no_grad():
        network[-1].weight *= 0.8
    spoilt = error()
    train_preview(network, examples, steps=40)
    assert error() < 0.5 * spoilt


def test_files_do_not_depend_on_it(tiny_model: FrozenModel, photo: Pixels) -> None:
    model = add_preview(tiny_model, torch.from_numpy(photo[None, :64, :64].copy()).permute(0, 3, 1, 2), steps=1)
    assert model.has("preview") and not tiny_model.has("preview")
    assert model.fingerprint == tiny_model.fingerprint
