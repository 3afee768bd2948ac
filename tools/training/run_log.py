"""The records of a training: a line on the screen, a JSONL log, and TensorBoard on request."""

import json
import math
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm import tqdm

from lic.tools.extras import require
from lic.tools.training.objective import Validation

LOG = "log.jsonl"  # in the run's folder
LOG_STEPS = 20  # steps whose mean makes a record, and a new line on the screen
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
        self.log = open(output / LOG, "a", encoding="utf-8", buffering=1)  # noqa: SIM115 - closed by __exit__
        self.writer = _summary_writer(output) if tensorboard else None
        self.line = tqdm(bar_format="{desc}", disable=None)

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *_: object) -> None:
        if not self.quiet:
            self.line.close()
            self.log.close()
            if self.writer:
                self.writer.close()

    def say(self, text: str) -> None:
        """Print a line above the progress line."""
        if not self.quiet:
            tqdm.write(text)

    def step(self, step: int, elapsed: float, done: float, patches: int, numbers: dict[str, Tensor]) -> None:
        """Record one step's numbers; every LOG_STEPS steps their mean is shown and logged."""
        if self.quiet:
            return
        for name, value in numbers.items():
            self.sums[name] = self.sums.get(name, 0) + value.detach()
        self.count += 1
        self.patches += patches
        if self.since == -math.inf:  # the first step compiles and warms up, so its time does not count
            self.since, self.patches = elapsed, 0
        if step % LOG_STEPS:
            return
        means = {name: float(value) / self.count for name, value in self.sums.items()}
        speed = self.patches / max(elapsed - self.since, 1e-9)
        left = elapsed * (1 / done - 1)
        self.record({"step": step, "elapsed": round(elapsed, 2), **means, "patches_per_s": round(speed, 2)})
        text = status(step, means, speed, left)
        self.line.set_description_str(text)
        if self.line.disable and elapsed - self.printed >= PRINT_SECONDS:
            self.printed = elapsed
            print(text, flush=True)
        self.sums, self.count, self.patches, self.since = {}, 0, 0, elapsed

    def validation(self, step: int, elapsed: float, validation: Validation) -> None:
        """Show and log validation scores."""
        self.say(f"validation at step {step}\n{validation.table}")
        record = {"step": step, "elapsed": round(elapsed, 2), "score": validation.score}
        self.record(record | {"validation": validation.records})

    def record(self, record: dict[str, Any]) -> None:
        """One line of the log."""
        self.log.write(json.dumps(record) + "\n")
        if self.writer:
            for name, value in record.items():
                if isinstance(value, float):
                    self.writer.add_scalar(name, value, record["step"])


def status(step: int, numbers: dict[str, float], speed: float, left: float) -> str:
    """The progress line.

    >>> status(1200, {"bpp": 0.7134, "PSNR": 31.0, "loss": 1.2}, 81.04, 7985)
    'step 1,200  bpp 0.713  PSNR 31.000  loss 1.200  81.0 patches/s  2:13:05 left'
    """
    values = "  ".join(f"{name} {value:.3f}" for name, value in numbers.items())
    return f"step {step:,}  {values}  {speed:.1f} patches/s  {tqdm.format_interval(left)} left"


def _summary_writer(output: Path) -> Any:
    require("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(output))
