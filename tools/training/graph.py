"""A training step as one CUDA graph: recorded once, then launched as a whole instead of kernel by kernel.

What is recorded must be the same work in every step, on the same memory: no value may be read back, and whatever
changes from step to step must be an argument. Steps run as they are written until the work is `ready`, then one is
recorded. Where that fails, steps go on as they are written.

`record` itself has not been run by the project's tests, which have no GPU: they replace it by a recorder for the CPU.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from lic.tools.training.objective import Now

Numbers = dict[str, Tensor]
Work = Callable[..., Numbers]
Recorder = Callable[[Callable[[], Numbers]], tuple[Callable[[], None], Numbers]]

WARM_UP = 3  # steps in which libraries choose their kernels and allocate their workspaces


def record(work: Callable[[], Numbers]) -> tuple[Callable[[], None], Numbers]:
    """The replay of `work`, which is recorded without being run, and the results that each replay overwrites."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads, as NCCL's, are free to work
        results = work()
    return graph.replay, results


RECORDERS: dict[str, Recorder] = {"cuda": record}  # by type of device


class Graphed:
    """`work(now, *tensors)`, recorded as soon as it is ready; its results are valid until the next call."""

    def __init__(self, work: Work, recorder: Recorder, ready: Callable[[], bool], say: Callable[[str], None]) -> None:
        self.work, self.recorder, self.ready, self.say = work, recorder, ready, say
        self.calls, self.failed = 0, False
        self.inputs: tuple[Tensor, ...] = ()
        self.replay: Callable[[], None] | None = None
        self.results: Numbers = {}

    def __call__(self, now: Now, *tensors: Tensor) -> Numbers:
        self.calls += 1
        if self.replay is None and self.calls > WARM_UP and not self.failed and self.ready():
            self._record(now, tensors)
        if self.replay is None:
            return self.work(now, *tensors)
        for held, given in zip(self.inputs, tensors, strict=True):
            held.copy_(given)
        self.replay()
        return self.results

    def _record(self, now: Now, tensors: tuple[Tensor, ...]) -> None:
        self.inputs = tuple(tensor.clone() for tensor in tensors)
        try:
            self.replay, self.results = self.recorder(partial(self.work, now, *self.inputs))
        except RuntimeError as error:
            self.failed = True
            self.say(f"steps run without a CUDA graph ({str(error).splitlines()[0]})")
