"""Checkpoints of a training run: safetensors with a JSON description inside, written whole or not at all."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lic.codec.errors import LicError
from lic.codec.model.header import CARD
from lic.tools.files import write_whole

INFO = "lic.checkpoint"
BARE_CROP = 64  # the least side of the pictures that contexts for bare weights are fitted on
BARE = ("n", "m", "lambdas", "second_look", "steps")  # what their metadata say
LONGEST_REASON = 200  # letters: libraries cite all that they have read
COUNTS = ("step", "elapsed", "patches")  # numbers in `info`
CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"  # the last and the best one of a run's folder


# What the code that uses a malformed checkpoint may raise.
MALFORMED = (ArithmeticError, AttributeError, LookupError, RuntimeError, SafetensorError, TypeError, ValueError)


class CheckpointError(LicError):
    """A checkpoint cannot be read or does not fit."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Report all that goes wrong while a checkpoint is read and used as one error."""
    try:
        yield
    except LicError:
        raise
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint {path}: name the folder of a training run") from error
    except (OSError, *MALFORMED) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_REASON]
        raise CheckpointError(f"{path} is not a checkpoint of lic train, or it is damaged ({reason})") from error


def save_checkpoint(
    path: Path, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer, info: dict[str, Any]
) -> None:
    """Write weights, averaged weights, optimiser state and `info` (any JSON value)."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": v for k, v in state.items()}
    tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    write_whole(path, save(tensors, {INFO: json.dumps(info)}), replace=True)


def read_info(path: Path) -> dict[str, Any]:
    """The `info` of a checkpoint, without its tensors."""
    with reading(path), safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        bare = INFO not in metadata
        info: dict[str, Any] = _bare_info(path, metadata) if bare else json.loads(metadata[INFO])
        if not (isinstance(info.get("config", {}), dict) and all(_is_count(info.get(name, 0)) for name in COUNTS)):
            raise ValueError("its description is not that of a run")
        return info


def _is_count(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < 2**53  # type: ignore[operator]


def _bare_info(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    """The `info` of bare weights: the tensors of a network, with n, m, lambdas and so on as JSON in the metadata."""
    if CARD in metadata:
        raise CheckpointError(f"{path} is a model file, not a checkpoint of lic train: it can be used as it is")
    if missing := [name for name in BARE if name not in metadata]:
        raise CheckpointError(
            f"{path} holds no run of lic train, and as bare weights it lacks {', '.join(missing)}: its metadata need"
            f" {', '.join(BARE)}, each as JSON"
        )
    found = {name: json.loads(value) for name, value in metadata.items()}
    config = {"kind": "residual", "distortion": "mse", "crop": BARE_CROP}
    config |= {
        name: found[name] for name in ("n", "m", "lambdas", "second_look", "kind", "distortion") if name in found
    }
    return {"step": found["steps"], "config": config}


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All tensors of a checkpoint, and its `info`. Bare weights count as averaged ones."""
    info = read_info(path)
    with safe_open(path, "pt") as file:
        prefix = "" if INFO in file.metadata() else "average."
        return {prefix + k: file.get_tensor(k) for k in file.keys()}, info  # noqa: SIM118


def section(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors below `prefix.`, without it."""
    return {k[len(prefix) + 1 :]: v for k, v in tensors.items() if k.startswith(prefix + ".")}


def load_checkpoint(
    path: Path, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, Any]:
    """Restore a checkpoint's state and return its `info`."""
    tensors, info = read_checkpoint(path)
    try:
        model.load_state_dict(section(tensors, "model"))
        average.load_state_dict(section(tensors, "average"))
    except RuntimeError as error:
        raise CheckpointError(f"{path} holds another architecture: {error}") from error
    with reading(path):
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in section(tensors, "optimizer").items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return info
