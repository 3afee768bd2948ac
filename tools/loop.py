"""The training loop: one for every objective of the project.

An objective says what is trained; the loop adds what all trainings share: pictures, schedule, bfloat16, averaged
weights, checkpoints, logs, several processes.

    train(RateDistortion(lambdas=(0.01,)), TrainConfig(data=("photos",), output="run", steps=1000))

To train something else, write a frozen dataclass of its choices with the methods of `Objective` below
(`rate_distortion.py` is the example), and pass it to the same `train`. A command for it takes its options by
`add_loop_arguments` and `chosen` of `train.py`; the weights come back by `read_checkpoint(path)` and
`section(tensors, "average")`, the choices in the `config` that `describe` gave.

All randomness of a step (which crops, and what the objective draws) comes from generators seeded by
(seed, step), so that resuming is exact without saving generator states, and so that several processes draw
the same joint batch and each keeps its own slice of it.
"""

import copy
import dataclasses
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist

from lic.codec.errors import LicError
from lic.models.transforms import DOWNSAMPLING
from lic.tools.checkpoint import load_checkpoint, save_checkpoint
from lic.tools.cli import UsageError
from lic.tools.pictures import PictureStore, load_pictures
from lic.tools.processes import Processes, choose_device, join_processes
from lic.tools.progress import Progress

CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"  # in the run's folder
START_CROPS = 512  # what an objective sees of the data before the first step; fewer if larger than 128x128
PATIENCE = 10  # non-finite steps in a row before training stops


class TrainingDiverged(LicError):
    """Too many non-finite steps in a row."""


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How to train, whatever the objective; stored in the checkpoints."""

    data: tuple[str, ...]
    output: str
    valid: tuple[str, ...] = ()
    steps: int | None = None
    hours: float | None = None
    crop: int = 256
    batch: int = 16
    lr: float = 2e-4
    warmup: int = 200
    ema: float = 0.998
    clip: float = 1.0
    seed: int = 0
    device: str = "auto"
    precision: str = "bf16"
    validate_minutes: float = 15.0

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.hours is None):
            raise UsageError("say how long to train: either --steps or --hours")
        if (self.steps or self.hours or 0) <= 0:
            raise UsageError("--steps and --hours must be more than 0")
        if self.crop <= 0 or self.crop % DOWNSAMPLING:
            raise UsageError(f"--crop {self.crop}: give a multiple of {DOWNSAMPLING}")
        if self.batch < 1:
            raise UsageError(f"--batch {self.batch}: give 1 or more")

    def progress(self, step: int, elapsed: float) -> float:
        """How much of the run is done, from 0 to 1."""
        return elapsed / 3600 / self.hours if self.hours else step / (self.steps or 1)


class Now(NamedTuple):
    """Where in the run a step is."""

    step: int
    progress: float  # 0 to 1
    final: bool  # in the final share, after `Objective.freeze`


class Validation(NamedTuple):
    """What an objective measured on the validation pictures."""

    score: float  # smaller is better; chooses the best checkpoint
    table: str  # for the screen
    records: list[dict[str, float]]  # for the log and the checkpoint


Autocast = Callable[[], AbstractContextManager[Any]]


Model = TypeVar("Model", bound=nn.Module)


class Objective(Protocol[Model]):
    """What the loop must know of what it trains."""

    @property
    def final_share(self) -> float:
        """The last share of the run, in which only what `freeze` leaves is trained; 0 for none."""

    def describe(self) -> dict[str, Any]:
        """The objective's name and its choices, as JSON, for the checkpoints."""

    def build(self) -> Model:
        """The model, of the right shape."""

    def start(self, model: Model, crops: Tensor) -> None:
        """Give a new model its start, from B x 3 x H x W crops of the data in 0..1."""

    def draw(self, batch: int, crop: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """The random numbers of one step, on the generator's device; each tensor has a row for each crop."""

    def loss(self, net: nn.Module, x: Tensor, draws: tuple[Tensor, ...], now: Now) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss of a batch, and numbers for the log; `net(...)` calls the model."""

    def freeze(self, model: Model) -> None:
        """At the beginning of the final share: take the gradients off what is to stay."""

    def validate(self, model: Model, pictures: list[Tensor], autocast: Autocast) -> Validation:
        """Measure the averaged model on uint8 pictures."""


def learning_rate(config: TrainConfig, now: Now, final_share: float) -> float:
    """Warm-up, then a cosine to zero; the final share has a smaller cosine of its own."""
    if now.final:
        into = (now.progress - 1 + final_share) / final_share
        return config.lr / 2 * math.cos(math.pi / 2 * min(1.0, into)) ** 2
    warm = min(1.0, (now.step + 1) / max(1, config.warmup))
    return config.lr * warm * math.cos(math.pi / 2 * min(1.0, now.progress / (1 - final_share))) ** 2


def make_optimizer(model: nn.Module, lr: float) -> torch.optim.Optimizer:
    """Adam; the parameters that live on a logarithmic scale take larger steps."""
    logarithmic = [p for name, p in model.named_parameters() if name.split(".")[-1].startswith("log_")]
    rest = [p for name, p in model.named_parameters() if not name.split(".")[-1].startswith("log_")]
    groups = [{"params": rest, "scale": 1.0}, {"params": logarithmic, "scale": 10.0}]
    return torch.optim.Adam([group for group in groups if group["params"]], lr=lr)


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of the weights, short at first so that the start is forgotten."""
    decay = min(decay, (1 + step) / (10 + step))
    for mean, value in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)


def draw_batch(
    objective: Objective[Model], config: TrainConfig, store: PictureStore, step: int, processes: Processes
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """This process's slice of the joint batch of a step; the same joint batch for any number of processes."""
    seed = config.seed << 32 | step
    generator = torch.Generator().manual_seed(seed)
    keep = processes.share(config.batch)
    x = store.draw(config.batch, generator, keep).contiguous(memory_format=torch.channels_last)
    if store.device.type != "cpu":
        generator = torch.Generator(store.device).manual_seed(seed)
    return x, tuple(t[keep] for t in objective.draw(config.batch, config.crop, generator))


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """SIGTERM and Ctrl-C land in the list that this yields, instead of interrupting."""
    received: list[int] = []
    old = {
        number: signal.signal(number, lambda n, _frame: received.append(n))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield received
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def train(objective: Objective[Model], config: TrainConfig, resume: bool = False) -> Path:
    """Run (or resume) training; returns the path of the newest checkpoint."""
    checkpoint = Path(config.output, CHECKPOINT)
    if checkpoint.exists() and not resume:
        raise UsageError(f"{config.output} holds a run: go on with it by --resume, or name another folder")
    device = choose_device(config.device)
    processes = join_processes(device)
    if config.batch % processes.world:
        raise UsageError(f"--batch {config.batch} cannot be shared evenly by {processes.world} processes")
    main = processes.rank == 0

    store = PictureStore(load_pictures(config.data, config.crop, quiet=not main), config.crop, device)
    valid = list(load_pictures(config.valid, DOWNSAMPLING)) if main and config.valid else []

    torch.manual_seed(config.seed)
    model = objective.build()
    average = copy.deepcopy(model)
    for network in (model, average):
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = make_optimizer(model, config.lr)
    step, elapsed, best = 0, 0.0, math.inf
    if resume:
        info = load_checkpoint(checkpoint, model, average, optimizer)
        step, elapsed, best = info["step"], info["elapsed"], info["best"]
    else:
        count = min(START_CROPS, START_CROPS * 128**2 // config.crop**2)
        objective.start(model, store.draw(max(1, count), torch.Generator().manual_seed(config.seed)))
        average.load_state_dict(model.state_dict())

    def autocast() -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16")

    def save(path: Path, validation: Validation | None = None) -> None:
        info = {
            "step": step,
            "elapsed": elapsed,
            "best": best,
            "config": dataclasses.asdict(config) | objective.describe(),
            "data": {
                "names": [Path(name).resolve().name for name in config.data],
                "pictures": store.count,
                "megapixels": round(store.pixels / 1e6, 1),
            },
            "validation": validation.records if validation else [],
        }
        save_checkpoint(path, model, average, optimizer, info)

    def measure() -> None:
        nonlocal best
        validation = objective.validate(average, valid, autocast)
        progress.validation(step, elapsed, validation)
        if validation.score < best:
            best = validation.score
            save(checkpoint.with_name(BEST), validation)

    net, frozen, bad, last_measure = processes.wrap(model), False, 0, elapsed
    with stop_requests() as stop, Progress(Path(config.output), quiet=not main) as progress:
        started = time.monotonic() - elapsed
        while True:
            stopped, elapsed = processes.agree(bool(stop), elapsed, device)
            done = config.progress(step, elapsed)
            if stopped or done >= 1:
                break
            now = Now(step, done, final=done >= 1 - objective.final_share)
            if now.final and not frozen:
                objective.freeze(model)
                net, frozen = processes.wrap(model), True
            for group in optimizer.param_groups:
                group["lr"] = group["scale"] * learning_rate(config, now, objective.final_share)

            x, draws = draw_batch(objective, config, store, step, processes)
            with autocast():
                loss, numbers = objective.loss(net, x, draws, now)
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip)
            if torch.isfinite(norm):
                optimizer.step()
                update_average(average, model, config.ema, step)
                bad = 0
            else:
                bad += 1
                progress.say(f"step {step}: the loss or its gradient is not finite, step skipped")
                if bad >= PATIENCE:
                    raise TrainingDiverged(
                        f"{bad} non-finite steps in a row, up to step {step}: "
                        f"resume from the last good state, {checkpoint}, with a smaller --lr"
                    )
            step += 1
            elapsed = time.monotonic() - started
            if not bad:
                done = config.progress(step, elapsed)
                progress.step(step, elapsed, done, config.batch, numbers | {"loss": loss})
            if main and elapsed - last_measure > 60 * config.validate_minutes:
                last_measure = elapsed
                save(checkpoint)
                if valid:
                    measure()
        if main:
            save(checkpoint)
            if valid and not stopped:
                measure()
    if processes.world > 1:
        dist.destroy_process_group()
    return checkpoint
