"""The transforms by torch, on a GPU if there is one."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.engine import ALL, Floats, begins, ends, means
from lic.codec.transform.torch_network import thaw
from lic.models.constants import MID_GREY


class TorchEngine:
    """An `Engine` on a GPU, or else on the processor."""

    def __init__(self, model: FrozenModel, threads: int) -> None:
        self.threads = threads
        torch.backends.cudnn.allow_tf32 = False  # ten bits of a convolution's inputs are too few for a grey level
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = thaw(model).to(self.device)

    @torch.inference_mode()
    def analyse(self, picture: Floats, layers: slice = ALL) -> Floats:
        modules = [*self.network.analysis]
        x = self._batch(picture.transpose(2, 0, 1)) - MID_GREY if begins(layers) else self._batch(picture)
        latents: Floats = _through(modules[layers], x)[0].cpu().numpy()
        return latents

    @torch.inference_mode()
    def synthesise(self, latents: Floats, layers: slice = ALL, reduce: int = 1) -> Floats:
        modules = [*self.network.synthesis]
        made = _through(modules[layers], self._batch(latents))
        if ends(layers, modules):
            return means(_picture(made + MID_GREY), reduce)
        planes: Floats = made[0].cpu().numpy()
        return planes

    @torch.inference_mode()
    def expect(self, phase: int, known: Floats, origin: tuple[int, int]) -> Floats:
        expected: Floats = self.network.predictors[phase - 1](self._batch(known), origin)[0].cpu().numpy()
        return expected

    def linearise_expected(
        self, phase: int, known: Floats, origin: tuple[int, int]
    ) -> tuple[Floats, Callable[[Floats], Floats]]:
        return self._linearise(lambda known: self.network.predictors[phase - 1](known, origin), known)

    def linearise(self, latents: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        planes, back = self._linearise(self.network.synthesis, latents)
        return planes.transpose(1, 2, 0), lambda slopes: back(slopes.transpose(2, 0, 1))

    def _linearise(self, function: Callable[[Tensor], Tensor], at: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        with torch.inference_mode(False), torch.enable_grad():
            x = self._batch(at).requires_grad_()
            y = function(x)

        def back(slopes: Floats) -> Floats:
            (slope,) = torch.autograd.grad(y, x, self._batch(slopes), retain_graph=True)
            found: Floats = slope[0].cpu().numpy()
            return found

        value: Floats = y.detach()[0].cpu().numpy()
        return value, back

    def _batch(self, planes: Floats) -> Tensor:
        """Channels x height x width as a batch of one, with the channels last in memory, as torch is fastest."""
        torch.set_num_threads(self.threads)  # of the thread that calls
        return torch.from_numpy(planes)[None].to(self.device).contiguous(memory_format=torch.channels_last)


def _through(modules: list[nn.Module], x: Tensor) -> Tensor:
    for module in modules:
        x = module(x)
    return x


def _picture(batch: Tensor) -> Floats:
    picture: Floats = batch[0].permute(1, 2, 0).cpu().numpy()
    return picture
