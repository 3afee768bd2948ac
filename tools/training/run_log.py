"""The records of a training: a line on the screen, two tables (CSV), and TensorBoard on request."""

import csv
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from lic.tools.extras import require
from lic.tools.progress_bar import StatusLine, duration
from lic.tools.training.objective import Validation

# In the run's folder: means over LOG_STEPS steps, and measurements on held-out pictures, a row for each lambda point.
LOG, VALIDATION = "log.csv", "validation.csv"
LOG_STEPS = 20  # steps whose mean makes a row, and a new line on the screen
PRINT_SECONDS = 60  # interval between lines where the screen is not a terminal


class RunLog:
    """The records of a run, as a context manager that closes its files."""

    def __init__(self, output: Path, quiet: bool = False, tensorboard: bool = False) -> None:
        self.quiet = quiet
        self.sums: dict[str, Tensor] = {}
        self.count = self.patches = 0
        self.since = self.printed = -math.inf
        if quiet:
            return
        output.mkdir(parents=True, exist_ok=True)
        self.output = output
        self.writer = _summary_writer(output) if tensorboard else None
        self.line = StatusLine()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *_: object) -> None:
        if not self.quiet:
            self.line.close()
            if self.writer:
                self.writer.close()

    def say(self, text: str) -> None:
        """Print a line above the progress line."""
        if not self.quiet:
            self.line.say(text, sys.stdout)

    def step(
        self,
        step: int,
        elapsed: float,
        done: float,
        patches: int,
        numbers: Mapping[str, Tensor],
        more: Mapping[str, Tensor],
    ) -> None:
        """Record one step's numbers; every LOG_STEPS steps their mean is logged, and shown but for `more`."""
        if self.quiet:
            return
        for name, value in (*numbers.items(), *more.items()):
            self.sums[name] = self.sums.get(name, 0) + value
        self.count += 1
        self.patches += patches
        if self.since == -math.inf:  # the first step compiles and warms up, so its time does not count
            self.since, self.patches = elapsed, 0
        if step % LOG_STEPS:
            return
        means = {name: float(value) / self.count for name, value in self.sums.items()}
        speed = self.patches / max(elapsed - self.since, 1e-9)
        left = elapsed * (1 / done - 1)
        row = {"step": step, "elapsed": round(elapsed, 2), **means, "patches_per_s": round(speed, 2)}
        self._append(LOG, [row])
        self._scalars("training", means | {"patches_per_s": speed}, step)
        text = status(step, {name: means[name] for name in numbers}, speed, left)
        self.line.show(text)
        if not self.line.visible and elapsed - self.printed >= PRINT_SECONDS:
            self.printed = elapsed
            print(text, flush=True)
        self.sums, self.count, self.patches, self.since = {}, 0, 0, elapsed

    def validation(self, step: int, elapsed: float, validation: Validation) -> None:
        """Show and log validation scores."""
        self.say(f"validation at step {step}\n{validation.table}")
        when = {"step": step, "elapsed": round(elapsed, 2), "score": validation.score}
        self._append(VALIDATION, [when | record for record in validation.records])
        self._scalars("validation", {"score": validation.score}, step)
        for record in validation.records:
            of_point = f" of lambda {record['lambda_']:g}" if "lambda_" in record else ""
            numbers = {name: value for name, value in record.items() if name != "lambda_"}
            self._scalars(f"validation{of_point}", numbers, step)

    def pictures(self, step: int, pictures: Mapping[str, Tensor]) -> None:
        """Hand pictures (3 x H x W, in 0..1) to TensorBoard."""
        if not self.quiet and self.writer:
            for name, picture in pictures.items():
                self.writer.add_image(name, picture.clamp(0, 1), step)

    def _append(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Rows at the end of a table; opened for each, so that a table that somebody reads is whole."""
        with open(self.output / name, "a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0]], lineterminator="\n")
            if not file.tell():
                writer.writeheader()
            writer.writerows(rows)

    def _scalars(self, group: str, numbers: Mapping[str, float], step: int) -> None:
        if self.writer:
            for name, value in numbers.items():
                self.writer.add_scalar(f"{group}/{name}", value, step)


def status(step: int, numbers: dict[str, float], speed: float, left: float) -> str:
    """The progress line.

    >>> status(1200, {"bpp": 0.7134, "PSNR": 31.0, "loss": 1.2}, 81.04, 7985)
    'step 1,200  bpp 0.713  PSNR 31.000  loss 1.200  81.0 patches/s  2:13:05 left'
    """
    values = "  ".join(f"{name} {value:.3f}" for name, value in numbers.items())
    return f"step {step:,}  {values}  {speed:.1f} patches/s  {duration(left)} left"


def _summary_writer(output: Path) -> Any:
    require("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(output))
