"""Conditional compression |C(y|x)|: the colour of a picture whose grey version the decoder has.

    x = luminance(y),   c = y - x                  three channels, whose own luminance is zero
    n = quantise(gain analysis(c, x))
    c = slope(z) (x - 1/2) + offset(z)             z = inverse_gain n, luminance taken out again
    y = x + c

On a surface of one colour under one light, c is proportional to x, whatever its texture. So the code transmits an
affine function of grey that varies slowly over the picture, and the detail of the colour comes from x. Everything
except `slope` is as in the codec. `informed=False` omits it: x is then only added to the decoded colour.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lic.models.architecture import Architecture
from lic.models.autoencoder import Coded, RateDistortionAutoencoder
from lic.models.constants import MID_GREY
from lic.models.layers import Convolution
from lic.models.pca import fit_latents, pca_transforms
from lic.models.quantisation import Quantisation
from lic.models.transforms import Analysis, Synthesis

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


def luminance(y: Tensor) -> Tensor:
    """The grey version of B x 3 x H x W pictures, B x 1 x H x W.

    >>> luminance(torch.ones(1, 3, 1, 1)).item()
    1.0
    """
    return torch.einsum("bchw,c->bhw", y, y.new_tensor(LUMINANCE))[:, None]


class ConditionalAutoencoder(RateDistortionAutoencoder):
    """Codes colour given grey; `forward` takes and returns whole pictures, and counts the bits of the colour only."""

    def __init__(
        self, architecture: Architecture, lambdas: Sequence[float] = (0.01,), *, informed: bool = True
    ) -> None:
        super().__init__(architecture, lambdas)
        self.slope = Synthesis(architecture.synthesis) if informed else None
        if self.slope is not None:
            first, *rest = architecture.analysis
            assert isinstance(first, Convolution)
            self.analysis = Analysis((first._replace(inputs=4), *rest))
            for parameter in self.slope[-1].parameters():
                nn.init.zeros_(parameter)  # the initial slope is zero

    def forward(
        self,
        x: Tensor,
        point: Tensor,
        how: Quantisation = "noise",
        noise: Tensor | None = None,
        softness: float = 0.0,
        share: Tensor | None = None,
        most: int | None = None,
    ) -> Coded:
        grey = luminance(x)
        colour = x - grey
        seen = [colour + MID_GREY] if self.slope is None else [colour + MID_GREY, grey]
        z, bits = self.transmit(self.analysis(torch.cat(seen, dim=1)).float(), point, how, noise, softness)
        decoded = self.synthesis(z).float() - MID_GREY
        if self.slope is not None:
            decoded = decoded + (self.slope(z).float() - MID_GREY) * (grey - MID_GREY)
        return Coded(grey + decoded - luminance(decoded), bits)


@torch.no_grad()
def conditional_start(model: ConditionalAutoencoder, pictures: Tensor) -> None:
    """Initialise with the principal components of colour; at first the encoder ignores grey."""
    colour = pictures - luminance(pictures) + MID_GREY
    analysis = Analysis(model.architecture.analysis)
    pca_transforms(analysis, model.synthesis, colour)
    fit_latents(model, analysis(colour))
    state = analysis.state_dict()
    if model.slope is not None:
        state["0.weight"] = torch.cat([state["0.weight"], torch.zeros_like(state["0.weight"][:, :1])], dim=1)
    model.analysis.load_state_dict(state)
