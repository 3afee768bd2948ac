"""Recorded steps do what steps do that run as they are written.

There is no GPU here: a recorder for the CPU repeats the work on the recorded inputs, into the recorded results.
"""

import dataclasses
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from lic.tools.training import loop
from lic.tools.training.graph import RECORDERS, WARM_UP, Graphed, Numbers
from lic.tools.training.loop import State, TrainConfig, make_optimizer, make_step, train
from lic.tools.training.objective import Now
from lic.tools.training.parallel import Processes
from lic.tools.training.rate_distortion import RateDistortion
from lic.tools.training.soap import Soap
from tests.tools.tiny import Tiny
from tests.tools.training.test_loop import tensors

NOW = Now(0, 0.0, False)
recorded: list[Callable[[], Numbers]] = []


def record_on_cpu(work: Callable[[], Numbers]) -> tuple[Callable[[], None], Numbers]:
    results: Numbers = {}
    recorded.append(work)

    def replay() -> None:
        for name, value in work().items():
            results.setdefault(name, value.clone()).copy_(value)

    return replay, results


def fail(work: Callable[[], Numbers]) -> tuple[Callable[[], None], Numbers]:
    raise RuntimeError("operation not permitted when stream is capturing\nand more")


@pytest.fixture
def quick_soap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "Soap", partial(Soap, first=4, refresh=5))


@dataclasses.dataclass(frozen=True)
class Stopped(Tiny):
    """Is stopped where nothing is recorded."""

    def draw(self, batch: int, crop: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        if generator.initial_seed() == 11:  # seed 0, step 11
            signal.raise_signal(signal.SIGTERM)
        return super().draw(batch, crop, generator)


@pytest.mark.usefixtures("quick_soap")
@pytest.mark.parametrize("optimizer", ["adam", "soap"])
def test_a_recorded_run_finds_the_same_weights_and_resumes_exactly(
    config: TrainConfig, tmp_path: Path, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(config, steps=24, optimizer=optimizer)
    tiny = Tiny(rounded_share=0.3, second_look=(0.0, 0.5))
    as_written = tensors(train(tiny, config))
    monkeypatch.setitem(RECORDERS, "cpu", record_on_cpu)
    recorded.clear()
    whole = tensors(train(tiny, dataclasses.replace(config, output=str(tmp_path / "whole"))))
    assert len(recorded) == 2, "one before, and one in the final share"
    broken = dataclasses.replace(config, output=str(tmp_path / "broken"))
    with pytest.raises(KeyboardInterrupt):
        train(Stopped(**vars(tiny)), broken)
    resumed = tensors(train(tiny, broken, resume=True))
    for name, value in as_written.items():
        assert torch.equal(value, whole[name]), name
        assert torch.equal(value, resumed[name]), name


def test_where_recording_fails_steps_run_as_they_are_written(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = dataclasses.replace(config, steps=8)
    as_written = tensors(train(Tiny(), config))
    monkeypatch.setitem(RECORDERS, "cpu", fail)
    fallen_back = tensors(train(Tiny(), dataclasses.replace(config, output=str(tmp_path / "fallen"))))
    said = "steps run without a CUDA graph (operation not permitted when stream is capturing)\n"
    assert capsys.readouterr().out.count(said) == 1
    assert all(torch.equal(value, fallen_back[name]) for name, value in as_written.items())


def test_work_is_recorded_when_it_is_warm_and_ready() -> None:
    calls: list[float] = []

    def work(now: Now, x: Tensor) -> Numbers:
        calls.append(float(x))
        return {"double": 2 * x}

    ready = [False]
    graphed = Graphed(work, record_on_cpu, lambda: ready[0], print)
    recorded.clear()
    for i in range(WARM_UP + 4):
        ready[0] = i > WARM_UP
        assert float(graphed(NOW, torch.tensor(float(i)))["double"]) == 2 * i
        assert len(recorded) == (i > WARM_UP)
    assert calls == [*map(float, range(WARM_UP + 4))]


class NothingReadBack(TorchDispatchMode):
    """Fails where an operation would wait for a GPU, or copy to it from Python: neither can be recorded."""

    FORBIDDEN = ("_local_scalar_dense", "nonzero", "masked_select", "lift_fresh")  # the last one is torch.tensor(...)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        masks = name in ("index", "index_put", "index_put_") and any(
            i is not None and not i.dtype.itemsize > 1 for i in args[1]
        )
        assert name not in self.FORBIDDEN and not masks, f"{name} cannot be recorded"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("rate", ["tables", "contexts"])
def test_a_step_reads_nothing_back_and_takes_nothing_from_the_host(config: TrainConfig, rate: Any) -> None:
    objective = RateDistortion(
        (0.01, 0.04), 4, 6, "residual", second_look=(0.0, 0.5), look_twice="half", rate=rate, balance=0.5
    )
    model, average = objective.build(), objective.build()
    config = dataclasses.replace(config, optimizer="soap")
    state = State(model, average, make_optimizer(model, config))
    draws = objective.draw(4, 32, torch.Generator())
    step = make_step(objective, config, state, Processes(), partial(torch.autocast, "cpu", torch.bfloat16))
    inputs = NOW, torch.zeros(2), torch.rand(4, 3, 32, 32), *draws
    for count in range(state.optimizer.first):
        step(*inputs)
        state.optimizer.turn(count + 1)
    assert state.optimizer.settled
    with NothingReadBack():
        step(*inputs)


@pytest.mark.parametrize(
    "work",
    [
        lambda x: float(x[0]),
        lambda x: x[x > 0],
        lambda x: x.masked_fill_(x > 0, 1) if (x > 0).any() else x,
        lambda x: torch.tensor([1.0, 2.0]),
        lambda x: x.new_tensor([1.0, 2.0]),
    ],
)
def test_the_guard_of_that_test_notices(work: Callable[[Tensor], Any]) -> None:
    with NothingReadBack(), pytest.raises(AssertionError, match="cannot be recorded"):
        work(torch.zeros(2))
