"""The training of lic's models in one file: to be read from top to bottom, copied and changed.

    python -m lic.tools.plain_training photos/ -o run --steps 20000
    python -m lic.tools.plain_training photos/ -o run --resume
    lic encode picture.png -m run/model.safetensors

The network is that of `lic train`, and the model file that of `lic export`:

    picture x -> analysis -> y -> * gain -> + noise -> n -> bits, by the density of y     rate
                                         -> round   -> n -> / gain -> synthesis -> x'     distortion

    loss = bits per pixel + lambda * 255^2 * MSE(x', x)

A batch has pictures at every lambda: its gains are all that distinguishes one rate from another. `lic train` adds to
this: several GPUs, bfloat16, SOAP, other distortions, second looks, growing networks, the rate of contexts, data larger
than memory. A codec of your own, layers and file format included, begins at models/theory/lic_in_200_lines.py.
"""

import argparse
import copy
import dataclasses
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.distortion import mse, psnr
from lic.models.pca import pca_start
from lic.models.quantisation import quantise, soft_round
from lic.tools.fitting.freezing import freeze_network

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is an option of the command line."""

    steps: int = 20_000
    architecture: str = "residual"  # or balle2017
    channels: int = 128  # between the layers
    latents: int = 320  # for each block of 16 x 16 pixels
    lambdas: str = "0.001,0.002,0.004,0.008,0.016,0.032,0.064,0.128,0.256"
    balance: float = 0.5  # a picture's loss is weighed by lambda^-balance, or the highest lambdas would rule
    softness: float = 6.0  # of the soft rounding before the noise
    crop: int = 128  # a multiple of 16
    batch: int = 8
    lr: float = 2e-4
    warmup: int = 200
    clip: float = 1.0
    ema: float = 0.999  # of the averaged weights, which become the model
    validate_every: int = 1000
    held_out: int = 4  # the last pictures of the folder are for validation
    export_crops: int = 100  # pictures that the contexts of the model file are fitted on
    seed: int = 0
    device: str = "cuda" if torch.cuda.is_available() else "cpu"


# Pictures: uint8 tensors (3 x height x width) that stay in memory.


def read_pictures(folder: str, smallest: int) -> list[Tensor]:
    found = []
    for path in sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES):
        with Image.open(path) as image:
            picture = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
        if min(picture.shape[1:]) >= smallest:
            found.append(picture)
    return found


def cut(picture: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A random square of a picture."""
    top, left = (int(torch.randint(extent - side + 1, (), generator=generator)) for extent in picture.shape[1:])
    return picture[:, top : top + side, left : left + side]


def batch_of(pictures: list[Tensor], config: Config, generator: torch.Generator) -> Tensor:
    """Crops (batch x 3 x crop x crop, in 0..1), mirrored by chance; large pictures are drawn as often as small ones."""
    crops = []
    for i in torch.randint(len(pictures), (config.batch,), generator=generator):
        square = cut(pictures[i], config.crop, generator)
        crops.append(square.flip(2) if torch.rand((), generator=generator) < 0.5 else square)
    return torch.stack(crops).to(config.device).float() / 255


# The loss.


def rate_and_distortion(
    model: RateDistortionAutoencoder, x: Tensor, point: Tensor, softness: float, noise: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Bits per pixel and squared error of each picture, at the lambda of number `point`; without noise, by rounding.

    Rounding has no gradient. So the rate sees values to which noise of the width of a rounding interval was added, and
    the distortion sees rounded ones with the gradient of the identity ("straight-through").
    """
    y = model.analysis(x)
    scaled, restored = model.code(y, point, "dead-zone" if noise is None else "straight-through", noise)
    n = quantise(scaled, "dead-zone") if noise is None else soft_round(scaled, softness) + noise
    bits = model.bits(n, model.log_gain[point].exp()[:, :, None, None]).sum(dim=(1, 2, 3))
    return bits / x[0, 0].numel(), mse(model.synthesis(restored), x)


def loss_of(model: RateDistortionAutoencoder, x: Tensor, config: Config, generator: torch.Generator) -> Tensor:
    """The loss of a batch, the pictures of which take the lambdas in turn."""
    lambdas = torch.tensor(model.lambdas)
    point = (int(torch.randint(len(lambdas), (), generator=generator)) + torch.arange(len(x))) % len(lambdas)
    noise = torch.rand(len(x), model.architecture.m, x.shape[2] // 16, x.shape[3] // 16, generator=generator) - 0.5
    rate, distortion = rate_and_distortion(model, x, point.to(x.device), config.softness, noise.to(x.device))
    weight = (lambdas / lambdas.log().mean().exp()) ** -config.balance
    return (weight[point].to(x.device) * (rate + lambdas[point].to(x.device) * distortion)).mean()


@torch.no_grad()
def validate(model: RateDistortionAutoencoder, pictures: list[Tensor]) -> float:
    """The mean logarithm of the loss on whole pictures, so that all rates count equally; prints each lambda."""
    score = 0.0
    for k, lambda_ in enumerate(model.lambdas):
        point, rates, errors = torch.tensor([k], device=model.log_gain.device), [], []
        for picture in pictures:
            height, width = (side // 16 * 16 for side in picture.shape[1:])
            x = picture[None, :, :height, :width].to(point.device).float() / 255
            rate, error = rate_and_distortion(model, x, point, 0, None)
            rates.append(float(rate))
            errors.append(float(error))
        bpp, mean_error = float(np.mean(rates)), float(np.mean(errors))
        print(f"  lambda {lambda_:<7g} {bpp:7.4f} bits per pixel  {float(psnr(torch.tensor(mean_error))):7.3f} dB")
        score += math.log(bpp + lambda_ * mean_error) / len(model.lambdas)
    return score


# The loop.


def learning_rate(step: int, config: Config) -> float:
    """Warm-up, then a cosine to zero."""
    return config.lr * min(1, (step + 1) / config.warmup) * (1 + math.cos(math.pi * step / config.steps)) / 2


def generator_of(step: int, config: Config) -> torch.Generator:
    """All randomness of a step follows from its number, so a resumed run draws what an unbroken one does."""
    return torch.Generator().manual_seed(config.seed << 32 | step)


def new_model(config: Config) -> RateDistortionAutoencoder:
    torch.manual_seed(config.seed)
    lambdas = [float(value) for value in config.lambdas.split(",")]
    return RateDistortionAutoencoder(Architecture(config.architecture, config.channels, config.latents), lambdas)


def optimizer_of(model: RateDistortionAutoencoder, config: Config) -> torch.optim.Adam:
    """Adam; parameters on a logarithmic scale, such as gains, take larger steps."""
    named = [*model.named_parameters()]
    fast = [p for name, p in named if name.split(".")[-1].startswith("log_") or name == "trust"]
    slow = [p for name, p in named if not any(p is other for other in fast)]
    return torch.optim.Adam([{"params": slow, "scale": 1}, {"params": fast, "scale": 10}], config.lr)


def train(pictures: list[Tensor], config: Config, folder: Path) -> RateDistortionAutoencoder:
    """The averaged network after all steps; goes on with the checkpoint in the folder if there is one."""
    model, training = new_model(config), pictures[: -config.held_out]
    checkpoint, first = folder / "checkpoint.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
    else:
        start = [cut(training[i % len(training)], config.crop, generator_of(i, config)) for i in range(64)]
        pca_start(model, torch.stack(start).float() / 255)  # as principal components: a good linear codec
    average = copy.deepcopy(model)
    model, average = model.to(config.device), average.to(config.device)
    optimizer = optimizer_of(model, config)
    if checkpoint.exists():
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    started = time.monotonic()
    for step in range(first, config.steps):
        generator = generator_of(step, config)
        loss = loss_of(model, batch_of(training, config, generator), config, generator)
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config) * group["scale"]
        if norm.isfinite():
            optimizer.step()
        with torch.no_grad():
            keep = min(config.ema, (1 + step) / (10 + step))
            for mean, value in zip(average.parameters(), model.parameters(), strict=True):
                mean.lerp_(value, 1 - keep)
        if (step + 1) % 20 == 0:
            speed = (step + 1 - first) / (time.monotonic() - started)
            print(
                f"step {step + 1} of {config.steps}  loss {float(loss.detach()):.4f}  {speed:.1f} steps/s", flush=True
            )
        if (step + 1) % config.validate_every == 0 or step + 1 == config.steps:
            state = {"model": model.state_dict(), "average": average.state_dict(), "step": step + 1}
            torch.save(state | {"optimizer": optimizer.state_dict()}, folder / "new.pt")
            (folder / "new.pt").replace(checkpoint)  # whole or not at all
            print(f"score {validate(average, pictures[-config.held_out :]):.4f}")
    return average.cpu()


# The model file.


def export(network: RateDistortionAutoencoder, pictures: list[Tensor], config: Config, path: Path) -> None:
    """Weights and entropy coder as integers: what `lic encode -m` takes. Contexts are fitted on crops."""
    side = min(320, *(min(picture.shape[1:]) for picture in pictures)) // 16 * 16
    chosen = [pictures[i % len(pictures)] for i in range(config.export_crops)]
    crops = torch.stack([cut(picture, side, generator_of(i, config)) for i, picture in enumerate(chosen)])
    model = freeze_network(network, crops, {"name": path.parent.name, "steps": config.steps, "distortion": "mse"})
    path.write_bytes(model.to_bytes())
    print(f"{path}: lic encode picture.png -m {path}")


def options() -> Iterator[tuple[str, type, object]]:
    yield from ((f.name, type(f.default), f.default) for f in dataclasses.fields(Config))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="a folder of photographs")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a folder for checkpoint and model")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the folder, by the same options")
    for name, kind, default in options():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=default, help=f"({default})")
    args = parser.parse_args(arguments)
    config = Config(**{name: getattr(args, name) for name, _, _ in options()})
    if (args.output / "checkpoint.pt").exists() and not args.resume:
        parser.error(f"{args.output} holds a run: give --resume to go on with it, or name another folder")
    pictures = read_pictures(args.data, config.crop)
    if len(pictures) <= config.held_out:
        parser.error(f"{args.data} has {len(pictures)} pictures of {config.crop} x {config.crop} or more: give more")
    args.output.mkdir(parents=True, exist_ok=True)
    network = train(pictures, config, args.output)
    export(network, pictures[: -config.held_out], config, args.output / "model.safetensors")


if __name__ == "__main__":
    main()
