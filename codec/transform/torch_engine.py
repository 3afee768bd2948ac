"""The networks by torch, on a GPU if there is one. Its sums are taken in another order than the core's.

So pixels may differ by one grey level in a few places, and an encoder's symbols where values lie close to a half.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Latents
from lic.codec.threads import threads
from lic.codec.transform.torch_network import thaw
from lic.codec.transform.whole_engine import Back, Floats, WholeEngine
from lic.models.constants import MID_GREY
from lic.models.transforms import Synthesis

_in_use = threading.RLock()  # of the settings: one thread computes at a time


@contextmanager
def own_settings() -> Iterator[None]:
    """Our number of threads, and precise convolutions; then what the process has set, for all of its threads."""
    with _in_use:
        before = torch.get_num_threads(), torch.backends.cudnn.allow_tf32
        torch.set_num_threads(threads())
        torch.backends.cudnn.allow_tf32 = False  # ten bits of a convolution's inputs are too few for a grey level
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.backends.cudnn.allow_tf32 = before[1]


class TorchEngine(WholeEngine):
    """An `Engine` on a GPU, or else on the processor."""

    def __init__(self, model: FrozenModel) -> None:
        super().__init__(model)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = thaw(model).to(self.device)

    @own_settings()
    @torch.inference_mode()
    def analysis(self, picture: Floats) -> Latents:
        return _numpy(self.network.analysis(self._batch(picture.transpose(2, 0, 1)) + MID_GREY))

    @own_settings()
    @torch.inference_mode()
    def synthesis(self, latents: Latents) -> Floats:
        return _numpy(self.network.synthesis(self._batch(latents)) - MID_GREY).transpose(1, 2, 0)

    @own_settings()
    @torch.inference_mode()
    def quick_look(self, difference: Floats) -> Latents:
        kernel = torch.from_numpy(self.model.weight("analysis.quick_look.weight")).to(self.device)
        stride = self.model.architecture.quick_look.stride
        around = (kernel.shape[2] - stride) // 2
        return _numpy(conv2d(self._batch(difference.transpose(2, 0, 1)), kernel, stride=stride, padding=around))

    @own_settings()
    @torch.inference_mode()
    def preview(self, latents: Latents) -> Floats:
        return _numpy(self._preview(self._batch(latents)) - MID_GREY).transpose(1, 2, 0)

    @cached_property
    def _preview(self) -> Synthesis:
        network = Synthesis(self.model.architecture.preview)
        names = self.model.architecture.extra_tensors["preview"]
        state = {name.removeprefix("preview."): torch.from_numpy(self.model.weight(name)) for name in names}
        network.load_state_dict(state)
        return network.to(self.device)

    @own_settings()
    @torch.inference_mode()
    def expect(self, phase: int, known: Latents) -> Floats:
        return _numpy(self.network.predictors[phase - 1](self._batch(known)))

    def linear_synthesis(self, latents: Latents) -> tuple[Floats, Back]:
        planes, back = self._linear(lambda y: self.network.synthesis(y) - MID_GREY, latents)
        return planes.transpose(1, 2, 0), lambda slopes: back(slopes.transpose(2, 0, 1))

    def _linear(self, function: Callable[[Tensor], Tensor], at: Floats) -> tuple[Floats, Back]:
        with own_settings(), torch.inference_mode(False), torch.enable_grad():
            x = self._batch(at).requires_grad_()
            y = function(x)

        @own_settings()
        def back(slopes: Floats) -> Floats:
            (slope,) = torch.autograd.grad(y, x, self._batch(slopes), retain_graph=True)
            return _numpy(slope)

        return _numpy(y.detach()), back

    def _batch(self, planes: Floats) -> Tensor:
        """Channels x height x width as a batch of one, with the channels last in memory, as torch is fastest."""
        batch = torch.from_numpy(planes.copy())[None].to(self.device)
        return batch.contiguous(memory_format=torch.channels_last)


def _numpy(batch: Tensor) -> Floats:
    planes: Floats = batch[0].cpu().numpy()
    return planes
