"""The objective of the codec: rate + lambda * distortion, at all lambda points at once."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder, optimal_step
from lic.models.constants import DOWNSAMPLING, PEAK
from lic.models.distortion import mse, psnr
from lic.models.growth import CannotGrow, grown_state
from lic.models.pca import pca_start
from lic.models.quantisation import quantise
from lic.tools.progress_bar import progress
from lic.tools.training.checkpoint import BEST, CHECKPOINT, CheckpointError, read_checkpoint, reading, section
from lic.tools.training.choices import Rate, RateDistortionChoices
from lic.tools.training.distortions import as_of_mse, converted, get_distortion
from lic.tools.training.objective import Autocast, Forward, Moment, Validation
from lic.tools.training.parallel import is_first_process
from lic.tools.training.pictures import whole_blocks
from lic.tools.training.scores import measure, score_table
from lic.tools.usage import BadOptions

CONTEXT_STEPS = 250  # for each lambda point
REVIVED_SLOPE = 0.75  # of log gain over log lambda: 0.5 in high-rate theory, measured in LAB.md


class RateDistortion(RateDistortionChoices):
    """bits per pixel + lambda * distortion; the pictures of a batch take the lambda points in turn.

    The distortion is 255^2 * MSE, or one of `distortions` at lambdas of its own.

    >>> objective = RateDistortion(lambdas=(0.01, 0.1), n=8, m=12)
    >>> objective.build().lambdas
    (0.01, 0.1)
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        get_distortion(self.distortion)

    def build(self) -> RateDistortionAutoencoder:
        contexts = self.rate == "contexts"
        model = RateDistortionAutoencoder(self.architecture, self.lambdas, self.shares, contexts)
        if self.only_gains:
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(name in ("log_gain", "log_inverse_gain"))
        return model

    @torch.no_grad()
    def start(self, model: RateDistortionAutoencoder, crops: Tensor) -> None:
        if self.start_from is None:
            steps = [optimal_step(value) for value in as_of_mse(model.lambdas, self.distortion)]
            model.log_gain.copy_(-torch.tensor(steps).log()[:, None].expand_as(model.log_gain))
            pca_start(model, crops)
            if model.magnitudes is not None:
                fit_contexts(model, crops)
            return
        source, distortion = read_network(self.start_from)
        points = converted(source.lambdas, distortion, self.distortion)
        learned = source.magnitudes is not None and points == [*model.lambdas]
        if model.magnitudes is not None and source.magnitudes is None:
            source.permute_latents(source.order_by_size(source.analysis(crops.to(source.log_gain.device))))
        own = model.state_dict()
        state = {name: value for name, value in grown_state(source, self.architecture).items() if name in own}
        state["log_gain"] = rows_at(model.lambdas, points, state["log_gain"], slope=0.5)
        state["log_inverse_gain"] = rows_at(model.lambdas, points, state["log_inverse_gain"], slope=-0.5)
        if "trust" in state:
            state["trust"] = rows_at(model.lambdas, points, state["trust"], slope=0)
        if not learned:
            state = {name: value for name, value in state.items() if not name.startswith("magnitudes.")}
        model.load_state_dict(own | state)
        if not self.only_gains and source.architecture == model.architecture:
            revive(model)
        if model.magnitudes is not None and not learned:
            fit_contexts(model, crops)

    def draw(self, batch: int, crop: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Of each picture: lambda point, lambda, share of the second look, and the noise that replaces rounding.

        The pictures take the lambda points in turn, from a random one on, so that each point has equally many pictures
        (or one more), in the parts of several processes, too.
        """
        device, points = generator.device, self.trained_points
        shares = self.shares or (0.0,) * len(self.lambdas)
        first = torch.randint(self.period, (1,), generator=generator, device=device)
        turn = first + torch.arange(batch, device=device)
        point = torch.tensor(points, device=device)[turn % len(points)]
        share = torch.tensor(shares, device=device)[point] * (turn % self.period < len(points))
        side = crop // DOWNSAMPLING
        noise = torch.rand(batch, self.m, side, side, generator=generator, device=device) - 0.5
        return point, torch.tensor(sorted(self.lambdas), device=device)[point], share, noise

    def loss(self, net: Forward, x: Tensor, draws: tuple[Tensor, ...], now: Moment) -> tuple[Tensor, dict[str, Tensor]]:
        point, lambda_, share, noise = draws
        how = "dead-zone" if now.final else self.proxy
        coded = net(x, point, how, noise, self.softness, share)
        bpp = coded.bits / x[0, 0].numel()
        y = coded.reconstruction.float()
        distortion = mse(y, x)
        numbers = {"bpp": bpp.mean(), "psnr": psnr(distortion).mean()}
        if self.distortion != "mse":
            distortion = get_distortion(self.distortion).of(y, x)
            numbers["distortion"] = distortion.mean()
        middle = math.exp(sum(map(math.log, self.lambdas)) / len(self.lambdas))
        weight = (lambda_ / middle) ** -self.balance
        return (weight * (bpp + lambda_ * distortion)).mean(), numbers

    def freeze(self, model: RateDistortionAutoencoder) -> None:
        """Train only synthesis and inverse gains from here on: they can still adapt to rounded latents."""
        for name, parameter in model.named_parameters():
            if not name.startswith("synthesis.") and name != "log_inverse_gain":
                parameter.requires_grad_(False)

    def validate(self, model: RateDistortionAutoencoder, pictures: list[Tensor], autocast: Autocast) -> Validation:
        scores = measure(model, pictures, autocast, self.distortion)
        # The mean logarithm of the loss, so that all rates have equal weight.
        score = sum(math.log(s.loss) for s in scores) / len(scores)
        return Validation(score, score_table(scores), [s.record() for s in scores])

    @torch.inference_mode()
    def show(self, model: RateDistortionAutoencoder, picture: Tensor, autocast: Autocast) -> dict[str, Tensor]:
        """At the lowest, a middle and the highest lambda point."""
        x = whole_blocks(picture)[None].to(model.log_gain.device).float() / PEAK
        shown = {"picture": x[0]}
        for k in sorted({0, len(model.lambdas) // 2, len(model.lambdas) - 1}):
            point = torch.tensor([k], device=x.device)
            with autocast():
                shown[f"lambda {model.lambdas[k]:g}"] = model(x, point, "dead-zone").reconstruction[0].float()
        return shown


def rows_at(wanted: Sequence[float], points: Sequence[float], rows: Tensor, slope: float) -> Tensor:
    """Rows of (logarithmic) gains at any lambdas, linear in log lambda between the points and beyond them.

    With a single point the `slope` is that of high-rate theory, half of log lambda.

    >>> rows_at([0.01, 0.02, 0.08], [0.01, 0.04], torch.tensor([[0.0], [1.0]]), slope=0.5).flatten()
    tensor([0.0000, 0.5000, 1.5000])
    """
    at = [math.log(value) for value in points]
    found = []
    for x in map(math.log, wanted):
        if len(at) == 1:
            found.append(rows[0] + slope * (x - at[0]))
            continue
        k = min(max(sum(a <= x for a in at) - 1, 0), len(at) - 2)
        t = (x - at[k]) / (at[k + 1] - at[k])
        found.append(rows[k] * (1 - t) + rows[k + 1] * t)
    return torch.stack(found)


def read_run(path: Path) -> tuple[RateDistortionAutoencoder, dict[str, Any]]:
    """The averaged network of a checkpoint, and the checkpoint's `info`."""
    tensors, info = read_checkpoint(path)
    with reading(path):
        config = info["config"]
        if config.get("objective", RateDistortion.NAME) != RateDistortion.NAME:  # bare weights do not say
            raise CheckpointError(f"{path} was trained for {config['objective']}: name a run of lic train")
        shares = () if config.get("look_twice") == "never" else config.get("second_look", ())
        architecture = Architecture(config["kind"], config["n"], config["m"])
        contexts = config.get("rate") == "contexts"
        network = RateDistortionAutoencoder(architecture, config["lambdas"], shares, contexts)
        found, wanted = section(tensors, "average"), network.state_dict()
        wrong = [name for name in wanted if name not in found or found[name].shape != wanted[name].shape]
        if wrong:
            shape = (
                f"has the shape {tuple(found[wrong[0]].shape)}, not" if wrong[0] in found else "is missing, of shape"
            )
            raise CheckpointError(
                f"{path}: {len(wrong)} of the {len(wanted)} tensors of a {architecture.kind} network with"
                f" {architecture.n} channels, {architecture.m} latents and {len(network.lambdas)} lambda points do not"
                f" fit ({wrong[0]} {shape} {tuple(wanted[wrong[0]].shape)})"
            )
        network.load_state_dict({name: found[name] for name in wanted})
    return network, info


def best_checkpoint(run: Path) -> Path:
    """A run's best checkpoint by validation, or its last one without validation; a file is returned as it is."""
    if not run.is_dir():
        return run
    return run / BEST if (run / BEST).exists() else run / CHECKPOINT


def read_network(name: str) -> tuple[RateDistortionAutoencoder, str]:
    """The network of a run, or of a model by file or name, and the distortion that it was trained for."""
    if Path(name).is_dir():
        network, info = read_run(best_checkpoint(Path(name)))
        return network, info["config"].get("distortion", "mse")
    from lic.codec.model.catalogue import find_model  # training itself does without the codec
    from lic.codec.transform.torch_network import thaw

    model = find_model(name).load()
    return thaw(model), model.card["distortion"]


def starting_from(
    name: str,
    *,
    lambdas: tuple[float, ...] = (),
    add_lambda: tuple[float, ...] = (),
    only_gains: bool = False,
    distortion: str | None = None,
    kind: str | None = None,
    rate: Rate | None = None,
) -> RateDistortion:
    """Start from a model, its own lambda points or these `lambdas`, and those of `add_lambda` besides.

    `kind` is that of the architecture into which the model grows, `rate` the one that it is trained by from here on;
    where they are not given, both are the model's own.
    """
    network, trained_by = read_network(name)
    shape = network.architecture
    shape = dataclasses.replace(shape, kind=kind or shape.kind)
    try:
        grown_state(network, shape)
    except CannotGrow as error:
        raise BadOptions(f"{name} cannot become a network of the architecture {shape.kind}: {error}") from error
    distortion = distortion or trained_by
    if only_gains and distortion != trained_by:
        raise BadOptions(f"`only_gains` cannot change the `distortion`, which is {trained_by}")
    own = tuple(converted(network.lambdas, trained_by, distortion))
    points = lambdas or own
    if set(add_lambda) & set(points):
        raise BadOptions(f"{name} has that lambda point: `add_lambda` needs others")
    points = tuple(sorted((*points, *add_lambda)))
    shares = rows_at(points, own, network.shares[:, None], slope=0).clamp(0, 1).flatten().tolist()
    return RateDistortion(
        points,
        shape.n,
        shape.m,
        shape.kind,
        distortion,
        rate=rate or ("tables" if network.magnitudes is None else "contexts"),
        start_from=name,
        second_look=tuple(shares),
        only_gains=add_lambda if only_gains else (),
    )


def fit_contexts(model: RateDistortionAutoencoder, crops: Tensor) -> None:
    """Learn the contexts of a network from its symbols of crops, before anything else is trained."""
    assert model.magnitudes is not None
    y = model.analysis(crops).float()
    points = range(len(model.lambdas))
    for k in progress(points, "contexts of a lambda point") if is_first_process() else points:
        scaled, _ = model.code(y, torch.full((len(y),), k, device=y.device), "dead-zone")
        with torch.enable_grad():
            model.magnitudes.fit(k, quantise(scaled, "dead-zone"), CONTEXT_STEPS)


@torch.no_grad()
def revive(model: RateDistortionAutoencoder) -> None:
    """Re-activate channels that a lambda point has stopped using and the next one uses, by the next one's gain.

    Noise overcharges rare symbols, compared with rounding. So low points give up channels that are worth their bits,
    and training does not recover them.
    """
    for k in reversed(range(len(model.lambdas) - 1)):
        here, after = [model.lambdas[k]], [model.lambdas[k + 1]]
        least = rows_at(here, after, model.log_gain[k + 1 : k + 2], slope=REVIVED_SLOPE)[0]
        inverse = rows_at(here, after, model.log_inverse_gain[k + 1 : k + 2], slope=-REVIVED_SLOPE)[0]
        dead = model.log_gain[k] < least
        model.log_gain[k] = torch.where(dead, least, model.log_gain[k])
        model.log_inverse_gain[k] = torch.where(dead, inverse, model.log_inverse_gain[k])
