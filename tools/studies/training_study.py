"""The effect of each choice in the training: networks trained for the same time that differ in one choice.

    python -m lic.tools.studies.training_study DATA... --valid DATA... -o FOLDER [--minutes 6] [--only NAME ...]

Every network starts anew and has its own run in FOLDER; complete runs are not repeated. The printed table gives the
BD-rate of the validation curve against that of the baseline (lower is better), and the validation score. Training time
is equal, so run nothing else at the same time.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from lic.models.autoencoder import RateDistortionAutoencoder
from lic.models.gdn import GDN
from lic.models.pca import fit_latents
from lic.models.quantization import Quantization
from lic.tools.evaluation.bd import compare_curves
from lic.tools.evaluation.curves import Curve, Point
from lic.tools.training.checkpoint import BEST, CHECKPOINT, read_info
from lic.tools.training.loop import TrainConfig, train
from lic.tools.training.rate_distortion import RateDistortion

BASE = "baseline"


class SimplifiedGDN(GDN):
    """x_i / (beta_i + sum_j gamma_ij |x_j|), without powers and roots (Johnston et al. 2019)."""

    def forward(self, x: Tensor) -> Tensor:
        pool = F.conv2d(x.abs(), self.gamma[:, :, None, None], self.beta)
        return x * pool if self.inverse else x / pool


def replace_gdn(model: RateDistortionAutoencoder, make: Callable[[GDN], nn.Module]) -> RateDistortionAutoencoder:
    for transform in (model.analysis, model.synthesis):
        for i, layer in enumerate(transform):
            if isinstance(layer, GDN):
                transform[i] = make(layer)
    return model


class WithSimplifiedGDN(RateDistortion):
    def build(self) -> RateDistortionAutoencoder:
        return replace_gdn(super().build(), lambda gdn: SimplifiedGDN(len(gdn.beta_root), inverse=gdn.inverse))


class WithSymmetricGDN(RateDistortion):
    def build(self) -> RateDistortionAutoencoder:
        symmetric = {"symmetric": True}
        return replace_gdn(super().build(), lambda gdn: GDN(len(gdn.beta_root), inverse=gdn.inverse, **symmetric))


class Linear(RateDistortion):
    def build(self) -> RateDistortionAutoencoder:
        return replace_gdn(super().build(), lambda _: nn.Identity())


class RandomStart(RateDistortion):
    """Torch's default initialisation of convolutions, and that of the papers for GDN."""

    def start(self, model: RateDistortionAutoencoder, crops: Tensor) -> None:
        fit_latents(model, model.analysis(crops))


class LeakyReLUs(RandomStart):
    def build(self) -> RateDistortionAutoencoder:
        return replace_gdn(super().build(), lambda _: nn.LeakyReLU())


class OnlineEMAutoencoder(RateDistortionAutoencoder):
    MEMORY = 20_000  # samples: the weight of the past in each step

    def transmit(
        self, y: Tensor, point: Tensor, how: Quantization, noise: Tensor | None = None, softness: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        if how != "dead-zone":
            self.density.fit(y.detach(), iterations=1, prior=self.MEMORY)
        return super().transmit(y, point, how, noise, softness)


class OnlineEM(RateDistortion):
    """Densities learned by a step of EM on each batch instead of gradients."""

    def build(self) -> RateDistortionAutoencoder:
        model = OnlineEMAutoencoder(self.architecture, self.lambdas)
        model.density.log_heights.requires_grad_(False)
        return model


class LaplacianDensity(RateDistortion):
    """Densities start as Laplacians of the channels' spread, without the fit by EM, and are learned by gradients."""

    def start(self, model: RateDistortionAutoencoder, crops: Tensor) -> None:
        super().start(model, crops)
        model.density.rescale(model.analysis(crops))


OBJECTIVE: dict[str, Any] = {"balance": 0.5}
SETTINGS: dict[str, Any] = {"crop": 128, "batch": 8}
STUDIES: dict[str, tuple[RateDistortion, dict[str, Any]]] = {
    BASE: (RateDistortion(**OBJECTIVE), {}),
    "another seed": (RateDistortion(**OBJECTIVE), {"seed": 1}),
    "SOAP in place of Adam": (RateDistortion(**OBJECTIVE), {"optimizer": "soap"}),
    "GDN with symmetric gamma": (WithSymmetricGDN(**OBJECTIVE), {}),
    "simplified GDN": (WithSimplifiedGDN(**OBJECTIVE), {}),
    "no GDN, linear": (Linear(**OBJECTIVE), {}),
    "random start": (RandomStart(**OBJECTIVE), {}),
    "random start, leaky ReLU for GDN": (LeakyReLUs(**OBJECTIVE), {}),
    "N = 96": (RateDistortion(n=96, **OBJECTIVE), {}),
    "N = 192": (RateDistortion(n=192, **OBJECTIVE), {}),
    "M = 192": (RateDistortion(m=192, **OBJECTIVE), {}),
    "densities by online EM": (OnlineEM(**OBJECTIVE), {}),
    "densities start as Laplacians": (LaplacianDensity(**OBJECTIVE), {}),
    "noise in the distortion, too": (RateDistortion(proxy="noise", **OBJECTIVE), {}),
    "decoder not refined on rounded latents": (RateDistortion(rounded_share=0, **OBJECTIVE), {}),
    "loss not balanced": (RateDistortion(), {}),
    "crop 64, batch 32": (RateDistortion(**OBJECTIVE), {"crop": 64, "batch": 32}),
    "crop 256, batch 2": (RateDistortion(**OBJECTIVE), {"crop": 256, "batch": 2}),
    "batch 4": (RateDistortion(**OBJECTIVE), {"batch": 4}),
    "batch 16": (RateDistortion(**OBJECTIVE), {"batch": 16}),
    "learning rate 1e-4": (RateDistortion(**OBJECTIVE), {"lr": 1e-4}),
    "learning rate 4e-4": (RateDistortion(**OBJECTIVE), {"lr": 4e-4}),
    "averages over 1,000 steps": (RateDistortion(**OBJECTIVE), {"ema": 0.999}),
}


def trained(name: str, folder: Path, minutes: float, data: list[str], valid: list[str]) -> tuple[dict[str, Any], int]:
    """The measurements of a network of the study and its steps; it is trained first if its run is not complete."""
    objective, changes = STUDIES[name]
    run = folder / name.replace(" ", "-").replace(",", "").replace("=", "")
    there = (run / CHECKPOINT).exists()
    if not there or read_info(run / CHECKPOINT)["elapsed"] < 60 * minutes:
        print(f"--- {name}", flush=True)
        settings = SETTINGS | changes | {"hours": minutes / 60, "validate_minutes": 2 * minutes}
        config = TrainConfig(tuple(data), str(run), tuple(valid), **settings)
        train(objective, config, resume=there)
    return read_info(run / BEST), read_info(run / CHECKPOINT)["step"]


def curve(name: str, measured: dict[str, Any]) -> Curve:
    return Curve(name, name, [Point(record["bpp"], record["psnr"]) for record in measured["validation"]])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        prog="python -m lic.tools.studies.training_study",
    )
    parser.add_argument("data", nargs="+", metavar="DATA", help="pictures to train on")
    parser.add_argument("--valid", nargs="+", required=True, metavar="DATA", help="pictures to measure on")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="where the runs are kept")
    parser.add_argument("--minutes", type=float, default=6.0, help="of training for each (6)")
    parser.add_argument("--only", nargs="+", choices=STUDIES, default=list(STUDIES), metavar="NAME")
    args = parser.parse_args()

    names = [BASE, *(name for name in args.only if name != BASE)]
    results = {name: trained(name, args.output, args.minutes, args.data, args.valid) for name in names}
    print("| choice | steps | BD-rate, % | score |\n| --- | ---: | ---: | ---: |")
    base = curve(BASE, results[BASE][0])
    for name, (measured, steps) in results.items():
        percent = compare_curves(base, curve(name, measured)).rate_percent
        print(f"| {name} | {steps:,} | {percent:+.1f} | {measured['score']:.4f} |")


if __name__ == "__main__":
    main()
