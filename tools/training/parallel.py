"""The device of a training, and the division of work between the processes that `torchrun` starts."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from lic.tools.usage import BadOptions


@dataclass
class Processes:
    """This process's number, how many there are, and the network that they train together."""

    rank: int = 0
    world: int = 1
    net: nn.Module = field(default_factory=nn.Identity)

    def share(self, count: int) -> slice:
        """This process's slice of `count` items.

        >>> Processes(rank=1, world=4).share(8)
        slice(2, 4, None)
        """
        each = count // self.world
        return slice(self.rank * each, (self.rank + 1) * each)

    def wrap(self, model: nn.Module) -> None:
        """Set `net` to the model, with gradients averaged over the processes."""
        self.net = DistributedDataParallel(model) if self.world > 1 else model

    def agree(self, stop: bool, elapsed: float, device: torch.device) -> tuple[bool, float]:
        """Whether any process was asked to stop, and the longest time, so that all processes decide alike."""
        if self.world == 1:
            return stop, elapsed
        both = torch.tensor([float(stop), elapsed], dtype=torch.float64, device=device)
        dist.all_reduce(both, dist.ReduceOp.MAX)
        return bool(both[0]), float(both[1])


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
            # A wrapper that outlives this holds the group's threads. They need the interpreter's lock to free the last
            # tensors, and hang or abort when the interpreter takes the wrapper apart, or is gone.
            processes.net = nn.Identity()
            gc.collect()
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
