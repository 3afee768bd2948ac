"""Checkpoints are read as they were written, or raise a clear error."""

from pathlib import Path

import pytest
import torch
from torch import nn

from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.tools.training.checkpoint import (
    CheckpointError,
    load_checkpoint,
    read_checkpoint,
    read_info,
    save_checkpoint,
    section,
)
from lic.tools.training.choices import TrainConfig
from lic.tools.training.loop import make_optimizer


def trained(width: int = 4, seed: int = 0) -> tuple[nn.Module, nn.Module, torch.optim.Optimizer]:
    """A model after one step, another that stands for its average, and the optimiser."""
    torch.manual_seed(seed)
    model, average = nn.Conv2d(3, width, 3), nn.Conv2d(3, width, 3)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = make_optimizer(model, TrainConfig(data=(), output="", steps=1, lr=0.1))
    model(torch.rand(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    return model, average, optimizer


def test_a_checkpoint_brings_everything_back(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, *trained(seed=0), {"step": 7})
    model, average, optimizer = trained(seed=1)
    assert load_checkpoint(path, model, average, optimizer) == {"step": 7} == read_info(path)
    before = trained(seed=0)
    for module, other in ((model, before[0]), (average, before[1])):
        assert all(torch.equal(v, other.state_dict()[k]) for k, v in module.state_dict().items())
    for index, state in optimizer.state_dict()["state"].items():
        assert all(torch.equal(v, before[2].state_dict()["state"][index][k]) for k, v in state.items())


@pytest.mark.parametrize("kind", ["adam", "soap"])
def test_an_optimizer_keeps_the_order_of_parameters_that_checkpoints_count_by(kind: str) -> None:
    model = RateDistortionAutoencoder(Architecture(n=4, m=6))
    optimizer = make_optimizer(model, TrainConfig(data=(), output="", steps=1, optimizer=kind))
    names = {parameter: name for name, parameter in model.named_parameters()}
    order = [names[p] for group in optimizer.param_groups for p in group["params"]]
    assert order == sorted(names.values(), key=lambda name: ".log_" in f".{name}")  # stable: else as in the model


def test_parameters_of_predictors_and_contexts_come_after_those_of_all_networks() -> None:
    model = RateDistortionAutoencoder(Architecture("residual", n=4, m=6), contexts=True)
    optimizer = make_optimizer(model, TrainConfig(data=(), output="", steps=1, optimizer="soap"))
    names = {parameter: name for name, parameter in model.named_parameters()}
    weights, fast, biases = ([names[p] for p in group["params"]] for group in optimizer.param_groups)
    assert {"analysis.2.mix.weight", "predictors.0.mix.weight", "synthesis.4.gamma_root"} < {*weights}
    assert fast[:3] == ["log_gain", "log_inverse_gain", "density.log_heights"]
    assert {*fast[3:]} == {"trust", "magnitudes.shares", "magnitudes.earlier", "magnitudes.density.log_heights"}
    assert biases == [f"predictors.{k}.place" for k in range(3)]
    assert [group["rotate"] for group in optimizer.param_groups] == [True, False, False]


def test_sections_are_what_is_below_a_prefix() -> None:
    tensors = {"model.a.b": torch.zeros(1), "modelled": torch.ones(1), "average.a.b": torch.ones(1)}
    assert section(tensors, "model") == {"a.b": tensors["model.a.b"]}


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, *trained(width=4), {})
    with pytest.raises(CheckpointError, match="another architecture"):
        load_checkpoint(path, *trained(width=5))


def test_what_is_no_checkpoint_is_refused(tmp_path: Path, tiny_model_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        read_checkpoint(tmp_path / "none.safetensors")
    save_checkpoint(tmp_path / "cut.safetensors", *trained(), {})
    whole = (tmp_path / "cut.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-5])
    (tmp_path / "text.safetensors").write_text("not a checkpoint at all")
    for path in (tmp_path / "cut.safetensors", tmp_path / "text.safetensors"):
        with pytest.raises(CheckpointError, match="not a checkpoint of lic train, or it is damaged"):
            read_checkpoint(path)
    with pytest.raises(CheckpointError, match="is a model file, not a checkpoint"):
        read_checkpoint(tiny_model_path)
