"""The device of a training, and the division of work between the processes that `torchrun` starts."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import distributed as dist

from lic.tools.usage import BadOptions


@dataclass(frozen=True)
class Processes:
    """This process's number, and how many there are to train a model on joint batches."""

    rank: int = 0
    world: int = 1

    def share(self, count: int) -> slice:
        """This process's slice of `count` items.

        >>> Processes(rank=1, world=4).share(8)
        slice(2, 4, None)
        """
        each = count // self.world
        return slice(self.rank * each, (self.rank + 1) * each)

    def begin_alike(self, tensors: Iterable[Tensor]) -> None:
        """Give all processes the values of the first one."""
        if self.world > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def average(self, gradients: Sequence[Tensor]) -> None:
        """Replace gradients by their means over the processes, those of the joint batch, in one message for all."""
        if self.world == 1:
            return
        joint = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(joint)
        joint /= self.world
        for gradient, mean in zip(gradients, joint.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def agree(self, stop: bool, elapsed: float, device: torch.device) -> tuple[bool, float]:
        """Whether any process was asked to stop, and the longest time, so that all processes decide alike."""
        if self.world == 1:
            return stop, elapsed
        both = torch.tensor([float(stop), elapsed], dtype=torch.float64, device=device)
        dist.all_reduce(both, dist.ReduceOp.MAX)
        return bool(both[0]), float(both[1])


def is_first_process() -> bool:
    """Whether this process is the one of a training that prints."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def joined_processes(batch: int, device: torch.device) -> Iterator[Processes]:
    """Under torchrun: join the other processes, to share batches of that size."""
    processes = Processes(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))
    if batch % processes.world:
        raise BadOptions(f"`batch` {batch} cannot be shared evenly by {processes.world} processes")
    if processes.world > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield processes
    finally:
        if processes.world > 1:
            dist.destroy_process_group()


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" is the GPU if there is one. Under torchrun each process has its own.

    >>> choose_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        if name == "cuda" and "LOCAL_RANK" in os.environ:
            name = f"cuda:{os.environ['LOCAL_RANK']}"
        device = torch.device(name)
        torch.zeros(1, device=device)
        if device.type == "cuda" and device.index is not None:
            torch.cuda.set_device(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise BadOptions(f"cannot use device {name} ({reason}): give cpu as `device`, or another") from error
    return device
