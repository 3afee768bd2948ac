"""Training in several processes."""

import weakref

import pytest
import torch
from torch import distributed as dist
from torch import nn

from lic.tools.training.parallel import joined_processes


@pytest.mark.parametrize("error", [None, KeyboardInterrupt], ids=["done", "interrupted"])
def test_the_wrapper_is_gone_before_the_group_ends(
    error: type[BaseException] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only then does ending the group wait for its threads; a process that left earlier would sometimes hang or abort.
    join, leave = dist.init_process_group, dist.destroy_process_group
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    # The other process is not needed for this, nor a port.
    monkeypatch.setattr(
        dist, "init_process_group", lambda backend: join(backend, store=dist.HashStore(), rank=0, world_size=1)
    )
    alive_at_the_end = []

    def note_and_leave() -> None:
        alive_at_the_end.append(wrapper() is not None)
        leave()

    monkeypatch.setattr(dist, "destroy_process_group", note_and_leave)
    try:
        with joined_processes(2, torch.device("cpu")) as processes:
            processes.wrap(nn.Linear(4, 4))
            wrapper = weakref.ref(processes.net)
            processes.net(torch.ones(1, 4)).sum().backward()
            if error:
                raise error
    except KeyboardInterrupt:
        pass
    assert alive_at_the_end == [False]
    assert not dist.is_initialized()
