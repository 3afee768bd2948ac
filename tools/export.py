"""`lic export`: a training run becomes a model file."""

from pathlib import Path
from typing import Any

from lic.codec.model import FrozenModel, freeze
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.tools.checkpoint import read_checkpoint, section


def read_run(run: Path) -> tuple[RateDistortionAutoencoder, dict[str, Any]]:
    """The averaged network of a run's best (or given) checkpoint, and what the checkpoint says of itself."""
    if run.is_dir():
        best = run / "best.safetensors"
        run = best if best.exists() else run / "checkpoint.safetensors"
    tensors, info = read_checkpoint(run)
    config = info["config"]
    network = RateDistortionAutoencoder(config["n"], config["m"], config["lambdas"])
    network.load_state_dict(section(tensors, "average"))
    return network, info


def export(run: Path, name: str) -> FrozenModel:
    """Freeze a run under a name."""
    network, info = read_run(run)
    return freeze(network, {"name": name, "steps": info["step"], "hours": round(info["elapsed"] / 3600, 2)})
