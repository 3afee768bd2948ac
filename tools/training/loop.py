"""The training loop: one for every objective of the project.

An objective defines the model and its loss; the loop adds what all trainings share: pictures, schedule, bfloat16,
averaged weights, checkpoints, logs, several processes.

    train(RateDistortion(lambdas=(0.01,)), TrainConfig(data=("photos",), output="run", steps=1000))

To train something else, write a frozen dataclass of its choices with the methods of `Objective` (`objective.py`;
`variational.py` is an example), and pass it to the same `train`. A command for it takes its options by
`tools/loop_options.py` and `tools/dataclass_options.py`. `read_checkpoint(path)` returns the tensors of a checkpoint,
of which `section(tensors, "average")` are the weights to use, and its `config` from `describe`.

All randomness of a step (which crops, and what the objective draws) comes from generators seeded by
(seed, step), so that resuming is exact without saving generator states, and so that several processes draw
the same joint batch and each keeps its own slice of it.
"""

import copy
import dataclasses
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Generic

import torch
from torch import Tensor, nn

from lic.codec.errors import LicError
from lic.models.transforms import SubPixelConv
from lic.tools.extras import require
from lic.tools.training.checkpoint import (
    BEST,
    CHECKPOINT,
    load_checkpoint,
    read_info,
    reading,
    save_checkpoint,
)
from lic.tools.training.choices import TrainConfig
from lic.tools.training.objective import Autocast, Model, Moment, Objective
from lic.tools.training.parallel import Processes, choose_device, joined_processes
from lic.tools.training.picture_window import PictureWindow, open_pictures
from lic.tools.training.pictures import PictureStore, load_pictures
from lic.tools.training.run_log import RunLog
from lic.tools.training.soap import Soap
from lic.tools.usage import BadOptions

START_CROPS = 512  # for the initialisation of a model; fewer if larger than 128x128
Pictures = PictureStore | PictureWindow
PATIENCE = 10  # non-finite steps in a row before training stops


class TrainingDiverged(LicError):
    """Too many non-finite steps in a row."""


def learning_rate(config: TrainConfig, now: Moment, final_share: float) -> float:
    """Warm-up, then a cosine to zero; the final share has a smaller cosine of its own."""
    if now.final:
        into = (now.progress - 1 + final_share) / final_share
        return config.lr / 2 * math.cos(math.pi / 2 * min(1.0, into)) ** 2
    warm = min(1.0, (now.step + 1) / max(1, config.warmup))
    return config.lr * warm * math.cos(math.pi / 2 * min(1.0, now.progress / (1 - final_share))) ** 2


def make_optimizer(model: nn.Module, config: TrainConfig) -> Soap:
    """SOAP, or without its rotations Adam.

    Parameters on a logarithmic scale (`log_...`), trust in predictions, and weights of contexts take larger steps and
    always use Adam.
    """
    names = {parameter: name for name, parameter in model.named_parameters()}
    fast = [p for p, name in names.items() if name.split(".")[-1].startswith("log_")]
    fast += [p for p, name in names.items() if p not in set(fast) and (name == "trust" or "magnitudes." in name)]
    biases = [p for p, name in names.items() if name.endswith(".place")]  # of predictors, by the place in a grid
    rest = [p for p in names if p not in {*fast, *biases}]
    groups: list[dict[str, Any]] = [
        {"params": rest, "scale": 1.0, "rotate": config.optimizer == "soap"},
        {"params": fast, "scale": 10.0, "rotate": False},
        {"params": biases, "scale": 1.0, "rotate": False},
    ]
    upsampling = {layer.weight: layer.r for layer in model.modules() if isinstance(layer, SubPixelConv)}
    # A GPU rotates float32 as fast, in TF32.
    dtype = torch.bfloat16 if config.precision == "bf16" and not rest[0].is_cuda else torch.float32
    return Soap([group for group in groups if group["params"]], config.lr, upsampling=upsampling, dtype=dtype)


def average_decay(config: TrainConfig, step: int) -> float:
    """Of the averaged weights: smaller at first, so that the start is forgotten."""
    return min(config.ema, (1 + step) / (10 + step))


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, weight: float) -> None:
    """Exponential moving average of the weights, to which the newest ones contribute by `weight`."""
    for mean, value in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(value, weight)


def draw_batch(
    objective: Objective[Model], config: TrainConfig, store: Pictures, step: int, processes: Processes
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """This process's slice of the joint batch of a step; the same joint batch for any number of processes."""
    seed = config.seed << 32 | step
    generator = torch.Generator().manual_seed(seed)
    keep = processes.share(config.batch)
    x = store.draw(config.batch, generator, keep, step)
    if store.device.type != "cpu":
        generator = torch.Generator(store.device).manual_seed(seed)
    return x, tuple(t[keep] for t in objective.draw(config.batch, config.crop, generator))


def description(data: Sequence[str], store: Pictures) -> dict[str, Any]:
    """The training data as described in a model's card: no paths, only the names of folders."""
    names = [Path(name).resolve().name for name in data]
    return {"names": names, "pictures": store.count, "megapixels": round(store.pixels / 1e6, 1)}


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """Collect SIGTERM and Ctrl-C in the list that this yields, instead of interrupting."""
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


@dataclasses.dataclass
class TrainingState(Generic[Model]):
    """Everything that changes during a run."""

    model: Model
    average: Model
    optimizer: Soap
    step: int = 0
    elapsed: float = 0.0  # seconds
    patches: int = 0
    best: float = math.inf  # validation score, of the checkpoint beside this one

    def save(self, path: Path, about: dict[str, Any]) -> None:
        info = {"step": self.step, "elapsed": self.elapsed, "patches": self.patches}
        save_checkpoint(path, self.model, self.average, self.optimizer, info | about)


def begin(
    objective: Objective[Model], config: TrainConfig, store: Pictures, checkpoint: Path | None
) -> TrainingState[Model]:
    """The initial state of a new run, or the state in a checkpoint."""
    torch.manual_seed(config.seed)
    model = objective.build()
    model.to(device=store.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = TrainingState(model, copy.deepcopy(model), make_optimizer(model, config))
    if checkpoint:
        info = load_checkpoint(checkpoint, state.model, state.average, state.optimizer)
        with reading(checkpoint):
            state.step, state.elapsed = info["step"], info["elapsed"]
            state.patches = info["patches"]
        if (best := checkpoint.with_name(BEST)).exists():
            score = read_info(best)
            with reading(best):
                state.best = float(score["score"])
    else:
        count = START_CROPS // max(1, config.crop // 128) ** 2
        objective.start(model, store.draw(max(1, count), torch.Generator().manual_seed(config.seed)))
        state.average.load_state_dict(model.state_dict())
    return state


Step = Callable[[Moment, float, Tensor, tuple[Tensor, ...]], dict[str, Tensor]]


def make_step(
    objective: Objective[Model],
    config: TrainConfig,
    state: TrainingState[Model],
    processes: Processes,
    autocast: Autocast,
) -> Step:
    """A step at a learning rate on a batch: loss, gradients, new weights and averages; returns numbers for the log."""
    parameters = [p for p in state.model.parameters() if p.requires_grad]

    def forward(*inputs: Any, **options: Any) -> Any:
        with autocast():
            return state.model(*inputs, **options)

    def step(now: Moment, rate: float, x: Tensor, draws: tuple[Tensor, ...]) -> dict[str, Tensor]:
        loss, numbers = objective.loss(forward, x, draws, now)
        found = torch.autograd.grad(loss, parameters, allow_unused=True)
        state.optimizer.zero_grad()
        for parameter, gradient in zip(parameters, found, strict=True):
            parameter.grad = gradient
        processes.average([gradient for gradient in found if gradient is not None])
        norm = nn.utils.clip_grad_norm_(parameters, config.clip)
        finite = norm.isfinite()
        if finite:
            for group in state.optimizer.param_groups:
                group["lr"] = rate * group["scale"]
            state.optimizer.step()
            update_average(state.average, state.model, 1 - average_decay(config, now.step))
        numbers = {name: value.detach() for name, value in numbers.items()}
        return numbers | {"loss": loss.detach(), "gradient": norm.detach()}

    return step


def train(objective: Objective[Model], config: TrainConfig, resume: bool = False) -> Path:
    """Train, or resume a run; returns the path of its last checkpoint.

    SIGTERM and Ctrl-C end it after the current step: a checkpoint is written, then KeyboardInterrupt raised.
    """
    checkpoint = Path(config.output, CHECKPOINT)
    if checkpoint.exists() and not resume:
        raise BadOptions(f"{config.output} holds a run: go on with it by `resume`, or name another folder")
    device = choose_device(config.device)
    if config.tensorboard:
        require("tensorboard")  # before minutes go into reading pictures
    with ExitStack() as stack:
        processes = stack.enter_context(joined_processes(config.batch, device))
        torch.backends.cuda.matmul.allow_tf32 = config.precision != "fp32"
        main = processes.rank == 0
        store = open_pictures(config.data, config.crop, device, config.memory, config.seed, quiet=not main)
        valid = list(load_pictures(config.valid, config.crop)) if main and config.valid else []
        log = stack.enter_context(RunLog(Path(config.output), not main, config.tensorboard))
        log.say(f"training on {store.count:,} pictures, {store.pixels / 1e6:,.1f} megapixels, by {device}")
        state = begin(objective, config, store, checkpoint if resume else None)
        about = {"config": dataclasses.asdict(config) | objective.describe(), "data": description(config.data, store)}
        stop = stack.enter_context(stop_requests())

        def autocast() -> torch.autocast:
            return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16")

        def save_and_measure() -> None:
            state.save(checkpoint, about)
            if not valid:
                return
            validation = objective.validate(state.average, valid, autocast)
            log.validation(state.step, state.elapsed, validation)
            if config.tensorboard:
                log.pictures(state.step, objective.show(state.average, valid[0], autocast))
            if validation.score < state.best:
                state.best = validation.score
                measured = {"score": validation.score, "validation": validation.records}
                state.save(checkpoint.with_name(BEST), about | measured)

        if main and not resume:
            save_and_measure()  # a reference for later scores; a run may start from a trained model
        processes.begin_alike([*state.model.state_dict().values(), *state.average.state_dict().values()])
        step, frozen, bad = make_step(objective, config, state, processes, autocast), False, 0
        started, last_saved = time.monotonic() - state.elapsed, state.elapsed
        while True:
            stopped, state.elapsed = processes.agree(bool(stop), state.elapsed, device)
            done = config.progress(state.step, state.elapsed)
            if stopped or done >= 1:
                break
            now = Moment(state.step, done, final=done >= 1 - objective.final_share)
            if now.final and not frozen:
                objective.freeze(state.model)
                state.optimizer.zero_grad()
                step, frozen = make_step(objective, config, state, processes, autocast), True

            x, draws = draw_batch(objective, config, store, state.step, processes)
            rate = learning_rate(config, now, objective.final_share)
            numbers = step(now, rate, x, draws)
            gradient = numbers.pop("gradient")
            bad = 0 if gradient.isfinite() else bad + 1
            if bad:
                log.say(f"step {state.step}: the loss or its gradient is not finite, step skipped")
            if bad >= PATIENCE:
                raise TrainingDiverged(
                    f"{bad} non-finite steps in a row, up to step {state.step}: "
                    f"resume from the last good state, {checkpoint}, with a smaller `lr`"
                )
            state.step += 1
            state.patches += config.batch
            state.elapsed = time.monotonic() - started
            if not bad:
                done = config.progress(state.step, state.elapsed)
                more = {"lr": torch.tensor(rate), "gradient": gradient}
                log.step(state.step, state.elapsed, done, config.batch, numbers, more)
            if main and state.elapsed - last_saved > 60 * config.validate_minutes:
                last_saved = state.elapsed
                save_and_measure()

        if stopped:
            if main:
                state.save(checkpoint, about)
            log.say(f"stopped after step {state.step}, kept in {checkpoint}: resume it to go on")
            raise KeyboardInterrupt
        if main:
            save_and_measure()
    return checkpoint
