"""`lic train`: one network for all lambda points, trained on rate + lambda * 255^2 * MSE.

The loop is flat on purpose. All randomness of a step (which crops, which lambda points, which noise) comes from
one generator seeded by (seed, step), so that resuming is exact without saving generator states, and so that
several processes draw the same joint batch and each keeps its own slice of it.
"""

import copy
import dataclasses
import json
import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from lic.models.autoencoder import PEAK, RateDistortionAutoencoder
from lic.models.pca import pca_start
from lic.models.quantization import Quantization
from lic.models.transforms import DOWNSAMPLING
from lic.tools.checkpoint import load_checkpoint, save_checkpoint
from lic.tools.pictures import NoPictures, PictureStore, find_pictures, load_picture, load_store

DEFAULT_LAMBDAS = tuple(round(0.001 * 2**k, 3) for k in range(9))
PCA_CROPS = 512
PATIENCE = 10  # non-finite steps in a row before training stops


class TrainingDiverged(Exception):
    """Too many non-finite steps in a row."""


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run; stored in its checkpoints."""

    data: tuple[str, ...]
    output: str
    valid: tuple[str, ...] = ()
    lambdas: tuple[float, ...] = DEFAULT_LAMBDAS
    n: int = 128
    m: int = 320
    steps: int | None = None
    hours: float | None = None
    crop: int = 256
    batch: int = 16
    lr: float = 2e-4
    warmup: int = 200
    rounded_share: float = 0.1  # the last share of the run fine-tunes the decoder on truly rounded latents
    ema: float = 0.998
    clip: float = 1.0
    seed: int = 0
    device: str = "auto"
    precision: str = "bf16"
    validate_minutes: float = 15.0


class Batch(NamedTuple):
    x: Tensor
    point: Tensor
    noise: Tensor


def draw_batch(config: TrainConfig, store: PictureStore, step: int, rank: int = 0, world: int = 1) -> Batch:
    """This process's slice of the joint batch of a step; the same joint batch for any number of processes."""
    generator = torch.Generator().manual_seed(config.seed << 32 | step)
    share = config.batch // world
    keep = slice(rank * share, (rank + 1) * share)
    side = config.crop // DOWNSAMPLING
    x = store.draw(config.batch, generator, keep)
    point = torch.randint(len(config.lambdas), (config.batch,), generator=generator)[keep]
    noise = torch.rand(config.batch, config.m, side, side, generator=generator)[keep] - 0.5
    x = x.contiguous(memory_format=torch.channels_last)
    return Batch(x, point.to(store.device), noise.to(store.device))


def learning_rate(config: TrainConfig, step: int, progress: float) -> float:
    """Warm-up, then a cosine to zero; the fine-tuning on rounded latents has a smaller cosine of its own."""
    start = 1 - config.rounded_share
    if progress < start:
        return config.lr * min(1.0, (step + 1) / config.warmup) * math.cos(math.pi / 2 * progress / start) ** 2
    return config.lr / 2 * math.cos(math.pi / 2 * min(1.0, (progress - start) / config.rounded_share)) ** 2


def make_optimizer(model: RateDistortionAutoencoder, lr: float) -> torch.optim.Optimizer:
    """Adam; the parameters that live on a logarithmic scale take larger steps."""
    logarithmic = [p for name, p in model.named_parameters() if name.split(".")[-1].startswith("log_")]
    rest = [p for name, p in model.named_parameters() if not name.split(".")[-1].startswith("log_")]
    groups = [{"params": rest, "scale": 1.0}, {"params": logarithmic, "scale": 10.0}]
    return torch.optim.Adam(groups, lr=lr)


@torch.no_grad()
def update_average(average: torch.nn.Module, model: torch.nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of the weights, short at first so that the start is forgotten."""
    decay = min(decay, (1 + step) / (10 + step))
    for mean, value in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)


class Score(NamedTuple):
    """One lambda point on the validation set, with real rounding: means over the pictures."""

    lambda_: float
    bpp: float
    psnr: float
    loss: float


@torch.inference_mode()
def validate(model: RateDistortionAutoencoder, pictures: list[Tensor], autocast: Any) -> list[Score]:
    """Rate (ideal code length), PSNR of 8-bit pictures and loss at every lambda point."""
    device = model.log_gain.device
    sums = torch.zeros(len(model.lambdas), 3)
    for picture in pictures:
        height, width = (side // DOWNSAMPLING * DOWNSAMPLING for side in picture.shape[1:])
        x = picture[None, :, :height, :width].to(device).float() / PEAK
        x = x.contiguous(memory_format=torch.channels_last)
        for k, lambda_ in enumerate(model.lambdas):
            with autocast():
                coded = model(x, torch.tensor([k], device=device), "round")
            bpp = float(coded.bits) / (height * width)
            mse = float(((coded.reconstruction * PEAK).round().clamp(0, PEAK) - x * PEAK).square().mean())
            sums[k] += torch.tensor([bpp, 10 * math.log10(PEAK**2 / max(mse, 1e-10)), bpp + lambda_ * mse])
    means = (sums / len(pictures)).tolist()
    return [Score(lambda_, *mean) for lambda_, mean in zip(model.lambdas, means, strict=True)]


def validation_loss(scores: list[Score]) -> float:
    """One number for choosing checkpoints: the mean logarithm of the loss, so that all rates count alike."""
    return sum(math.log(score.loss) for score in scores) / len(scores)


def score_table(scores: list[Score]) -> str:
    lines = ["  lambda     bpp    PSNR    loss"]
    lines += [f"  {s.lambda_:<7g} {s.bpp:7.4f} {s.psnr:7.3f} {s.loss:7.4f}" for s in scores]
    return "\n".join(lines)


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


def train(config: TrainConfig, resume: bool = False) -> Path:
    """Run (or resume) training; returns the path of the newest checkpoint."""
    rank, world = _join_processes()
    device = _device(config.device)
    output = Path(config.output)
    checkpoint = output / "checkpoint.safetensors"

    store = load_store(config.data, config.crop, device)
    valid = [load_picture(path) for path in find_pictures(config.valid)] if rank == 0 else []
    if config.valid and rank == 0 and not valid:
        raise NoPictures(f"no pictures for validation in {', '.join(config.valid)}")

    torch.manual_seed(config.seed)
    model = RateDistortionAutoencoder(config.n, config.m, config.lambdas)
    average = copy.deepcopy(model)
    model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = make_optimizer(model, config.lr)
    step, elapsed, best = 0, 0.0, math.inf
    if resume:
        info = load_checkpoint(checkpoint, model, average, optimizer)
        step, elapsed, best = info["step"], info["elapsed"], info["best"]
    else:
        pca_start(model, store.draw(PCA_CROPS, torch.Generator().manual_seed(config.seed)))
        average.load_state_dict(model.state_dict())
    net = DistributedDataParallel(model, find_unused_parameters=True) if world > 1 else model

    def autocast() -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16")

    def save(name: str = checkpoint.name) -> None:
        info = {"step": step, "elapsed": elapsed, "best": best, "config": dataclasses.asdict(config)}
        save_checkpoint(output / name, model, average, optimizer, info)

    def measure() -> None:
        nonlocal best
        scores = validate(average, valid, autocast)
        tqdm.write(f"validation at step {step}\n{score_table(scores)}")
        loss = validation_loss(scores)
        _log(output, {"step": step, "elapsed": elapsed, "validation": [s._asdict() for s in scores], "score": loss})
        if loss < best:
            best = loss
            save("best.safetensors")

    output.mkdir(parents=True, exist_ok=True)
    lambdas = torch.tensor(config.lambdas, device=device)
    bad, last_measure, started = 0, elapsed, time.monotonic() - elapsed
    bar = tqdm(total=config.steps, initial=step, disable=None if rank == 0 else True, unit="step")
    with stop_requests() as stop:
        while not stop:
            progress = elapsed / 3600 / config.hours if config.hours else step / (config.steps or 1)
            if progress >= 1:
                break
            how: Quantization = "noise"
            if progress >= 1 - config.rounded_share:
                how = "round"
                freeze_all_but_decoder(model)
            for group in optimizer.param_groups:
                group["lr"] = group["scale"] * learning_rate(config, step, progress)

            batch = draw_batch(config, store, step, rank, world)
            with autocast():
                coded = net(batch.x, batch.point, how, batch.noise)
            bpp = coded.bits / config.crop**2
            mse = (coded.reconstruction.float() - batch.x).square().mean(dim=(1, 2, 3)) * PEAK**2
            loss = (bpp + lambdas[batch.point] * mse).mean()
            optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
            if torch.isfinite(norm):
                optimizer.step()
                update_average(average, model, config.ema, step)
                bad = 0
            else:
                bad += 1
                tqdm.write(f"step {step}: the loss or its gradient is not finite, step skipped")
                if bad >= PATIENCE:
                    raise TrainingDiverged(
                        f"{bad} non-finite steps in a row at step {step}; the last good state is {checkpoint}. "
                        "Resume with a smaller --lr."
                    )
            step += 1
            elapsed = time.monotonic() - started

            if rank == 0 and step % 50 == 0:
                psnr = float(10 * torch.log10(PEAK**2 / mse).mean())
                record = {"step": step, "elapsed": round(elapsed, 2), "bpp": float(bpp.mean()), "psnr": psnr}
                record |= {"loss": float(loss), "patches_per_s": round(step * config.batch / elapsed, 2)}
                _log(output, record)
                bar.set_postfix_str(f"{record['bpp']:.3f} bpp, {psnr:.2f} dB, loss {record['loss']:.3f}", False)
            bar.update()
            if rank == 0 and elapsed - last_measure > 60 * config.validate_minutes and not bad:
                last_measure = elapsed
                save()
                if valid:
                    measure()
    bar.close()
    if rank == 0:
        save()
        if valid and not stop:
            measure()
    if world > 1:
        dist.destroy_process_group()
    return checkpoint


def freeze_all_but_decoder(model: RateDistortionAutoencoder) -> None:
    """Leave gradients to the synthesis and the inverse gains only: what rounded latents can still teach."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith("synthesis.") or name == "log_inverse_gain")


def _log(output: Path, record: dict[str, Any]) -> None:
    with open(output / "log.jsonl", "a") as file:
        file.write(json.dumps(record) + "\n")


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def _join_processes() -> tuple[int, int]:
    """Rank and number of processes; under torchrun, also joins the group."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return int(os.environ.get("RANK", "0")), world
