"""A training run as a figure, or several of them side by side: the tables in their folders as curves."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lic.codec.errors import LicError
from lic.tools.extras import require
from lic.tools.training.run_log import LOG, VALIDATION

# The panels: table, column, label of the axis; the last one shows rate and distortion at the last validation.
PANELS = (
    (LOG, "loss", "loss in training"),
    (LOG, "bpp", "bits per pixel in training"),
    (LOG, "psnr", "PSNR in training, dB"),
    (VALIDATION, "score", "score on held-out pictures"),
    (LOG, "gradient", "norm of the gradient"),
    (LOG, "lr", "learning rate"),
)
SMOOTHED = 0.02  # share of a run over which curves of its training are averaged

Rows = list[dict[str, float]]


class NoRun(LicError):
    """A folder does not hold the tables of a training run."""


def is_run(path: str | Path) -> bool:
    """Whether this is the folder of a training run with a table."""
    return Path(path, LOG).exists()


def read_table(run: str | Path, name: str) -> Rows:
    """A table of a run; without rows if the file does not exist."""
    path = Path(run, name)
    if not path.exists():
        return []
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    except (OSError, TypeError, ValueError) as error:
        raise NoRun(f"{path} is not a table of lic train ({error}): mend or remove it") from error


def run_figure(runs: Sequence[str | Path]) -> Any:
    """A matplotlib figure with a curve for each run."""
    figure = require("matplotlib.figure").Figure(figsize=(15, 7), layout="constrained", dpi=120)
    axes = [*figure.subplots(2, 4).flat]
    tables = {(run, name): read_table(run, name) for run in runs for name in (LOG, VALIDATION)}
    for axis, (name, column, label) in zip(axes, PANELS, strict=False):
        for run in runs:
            rows = [row for row in tables[run, name] if column in row]
            if name == VALIDATION:
                rows = list({row["step"]: row for row in rows}.values())  # the score is that of all lambda points
            steps, values = [row["step"] for row in rows], [row[column] for row in rows]
            axis.plot(steps, values if name == VALIDATION or column == "lr" else smoothed(values), label=Path(run).name)
        axis.set_xlabel("step")
        axis.set_ylabel(label)
    for run in runs:
        last = [row for row in tables[run, VALIDATION] if row["step"] == tables[run, VALIDATION][-1]["step"]]
        if last and {"bpp", "psnr"} <= last[0].keys():
            axes[6].plot([row["bpp"] for row in last], [row["psnr"] for row in last], "o-", label=Path(run).name)
    axes[6].set_xlabel("bits per pixel at the last validation")
    axes[6].set_ylabel("PSNR, dB")
    for axis in axes[:7]:
        axis.grid(color="#e4e7ea", linewidth=0.8)
    axes[7].set_axis_off()
    axes[7].legend(*axes[0].get_legend_handles_labels(), loc="upper left", frameon=False)
    return figure


def smoothed(values: Sequence[float]) -> list[float]:
    """Each value averaged with those before it, by weights that fall exponentially.

    >>> smoothed([1.0, 1.0, 1.0])
    [1.0, 1.0, 1.0]
    """
    keep = 1 - 1 / max(1.0, SMOOTHED * len(values))
    found: list[float] = []
    total = weight = 0.0
    for value in values:
        total, weight = keep * total + value, keep * weight + 1
        found.append(total / weight)
    return found
