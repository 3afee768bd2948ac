"""Several processes train like one on the joint batch."""

from pathlib import Path

import pytest
import torch
from torch import distributed as dist
from torch import multiprocessing

from lic.tools.training.parallel import Processes, joined_processes


def work_together(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    processes = Processes(rank, 2)
    weights = [torch.full((2, 3), float(rank)), torch.full((2,), float(rank))]
    processes.begin_alike(weights)
    gradients = [(rank + 1) * torch.arange(6.0).view(3, 2).T, torch.tensor(10.0 * rank)]
    processes.average(gradients)
    agreed = processes.agree(rank == 1, 5.0 - rank, torch.device("cpu"))
    torch.save([weights, gradients, agreed], Path(folder, f"{rank}.pt"))
    dist.destroy_process_group()


@pytest.mark.slow
def test_weights_begin_alike_gradients_are_averaged_and_decisions_are_joint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[3])  # where the other processes find this module
    multiprocessing.spawn(work_together, (str(tmp_path),), nprocs=2)
    for rank in (0, 1):
        weights, gradients, agreed = torch.load(tmp_path / f"{rank}.pt")
        assert not any(weight.any() for weight in weights)
        assert torch.equal(gradients[0], 1.5 * torch.arange(6.0).view(3, 2).T)
        assert float(gradients[1]) == 5.0
        assert agreed == (True, 5.0)


def test_one_process_changes_nothing() -> None:
    gradient = torch.arange(3.0)
    Processes().average([gradient])
    Processes().begin_alike([gradient])
    assert gradient.tolist() == [0.0, 1.0, 2.0]
    assert Processes().agree(False, 2.0, torch.device("cpu")) == (False, 2.0)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt], ids=["done", "interrupted"])
def test_the_group_ends_with_the_training(error: type[BaseException] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    join = dist.init_process_group
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    # The other process is not needed for this, nor a port.
    monkeypatch.setattr(
        dist, "init_process_group", lambda backend: join(backend, store=dist.HashStore(), rank=0, world_size=1)
    )
    try:
        with joined_processes(2, torch.device("cpu")):
            assert dist.is_initialized()
            if error:
                raise error
    except KeyboardInterrupt:
        pass
    assert not dist.is_initialized()
