"""Conditional compression |C(y|x)|: the colour of a picture whose grey version the decoder has.

    x = luminance(y),   c = y - x                       three channels, whose own luminance is zero
    n = quantize(gain (analysis(c) - prediction(x)))    what x does not tell
    c = synthesis(inverse_gain n + prediction(x))       c without its luminance
    y = x + c

The latents are coded as differences from what a network of its own predicts from x, the side information;
everything else is the codec's. `informed=False` leaves the prediction out: then x only replaces what is grey.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.autoencoder import Coded, RateDistortionAutoencoder
from lic.models.pca import fit_latents, pca_transforms
from lic.models.quantization import Quantization
from lic.models.transforms import MID_GREY, Analysis, Synthesis

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


def luminance(y: Tensor) -> Tensor:
    """The grey version of B x 3 x H x W pictures, B x 1 x H x W.

    >>> luminance(torch.ones(1, 3, 1, 1)).item()
    1.0
    """
    return torch.einsum("bchw,c->bhw", y, y.new_tensor(LUMINANCE))[:, None]


class ConditionalAutoencoder(RateDistortionAutoencoder):
    """Codes colour given grey; `forward` takes and returns whole pictures, and counts the bits of colour."""

    def __init__(self, n: int = 64, m: int = 64, lambdas: Sequence[float] = (0.01,), *, informed: bool = True) -> None:
        super().__init__(n, m, lambdas)
        self.prediction = Analysis(n, m, in_channels=1) if informed else None
        if self.prediction is not None:
            for parameter in self.prediction[-1].parameters():
                nn.init.zeros_(parameter)  # starts by predicting nothing

    def forward(self, x: Tensor, point: Tensor, how: Quantization = "noise", noise: Tensor | None = None) -> Coded:
        grey = luminance(x)
        predicted = self.prediction(grey).float() if self.prediction is not None else x.new_zeros(())
        y = self.analysis(x - grey + MID_GREY).float() - predicted
        difference, bits = self.transmit(y, point, how, noise)
        colour = self.synthesis(difference + predicted).float() - MID_GREY
        return Coded(grey + colour - luminance(colour), bits)


@torch.no_grad()
def conditional_start(model: ConditionalAutoencoder, pictures: Tensor) -> None:
    """Start from principal components, of colour and of grey, and from the best linear prediction between
    them: the last layer of `prediction` by least squares."""
    grey = luminance(pictures)
    colour = pictures - grey + MID_GREY
    pca_transforms(model.analysis, model.synthesis, colour)
    y = model.analysis(colour)
    if model.prediction is not None:
        pca_transforms(model.prediction, Synthesis(model.n, model.m, out_channels=1), grey)
        *inner, last = model.prediction
        assert isinstance(last, nn.Conv2d)
        regress(last, nn.Sequential(*inner)(grey - MID_GREY), y)
        y = y - model.prediction(grey)
    fit_latents(model, y)


def regress(layer: nn.Conv2d, features: Tensor, target: Tensor, ridge: float = 1e-3) -> None:
    """Least-squares weights for a convolution: layer(features) is to be near `target`.

    `ridge` is relative to the mean variance of its inputs.
    """
    assert layer.bias is not None and not isinstance(layer.padding, str)
    patches = F.unfold(features, layer.kernel_size, padding=layer.padding, stride=layer.stride)
    inputs = patches.transpose(1, 2).flatten(0, 1).double()
    outputs = target.flatten(2).transpose(1, 2).flatten(0, 1).double()
    inputs_mean, outputs_mean = inputs.mean(0), outputs.mean(0)
    inputs, outputs = inputs - inputs_mean, outputs - outputs_mean
    square = inputs.T @ inputs
    square.diagonal().add_(ridge * square.diagonal().mean())
    weight = torch.linalg.solve(square, inputs.T @ outputs).T
    layer.weight.copy_(weight.reshape(layer.weight.shape))
    layer.bias.copy_(outputs_mean - weight @ inputs_mean)
