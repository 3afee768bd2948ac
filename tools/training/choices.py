"""The choices of a training, as dataclasses that checkpoints store and commands have options for. Without torch."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, Literal, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

from lic.models.architecture import Architecture
from lic.models.constants import DOWNSAMPLING
from lic.tools.usage import BadOptions

Proxy = Literal["noise", "straight-through"]
Rate = Literal["tables", "contexts"]
Looks = Literal["always", "half", "never"]
DEFAULT_LAMBDAS = tuple(round(0.001 * 2**k, 3) for k in range(9))
# Lambdas of MS-SSIM with about the rate of those of MSE: CompressAI's published pairs, 0.0018 and
# 2.4 to 0.18 and 220, lie at 1,330 to 1,220 times.
MS_SSIM_SCALE = 1250.0


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The options of a training with any objective."""

    data: tuple[str, ...]
    output: str
    valid: tuple[str, ...] = ()
    steps: int | None = None
    hours: float | None = None
    crop: int = 256
    batch: int = 16  # over all processes
    lr: float = 2e-4
    warmup: int = 200  # steps
    ema: float = 0.998
    clip: float = 1.0
    seed: int = 0
    device: str = "auto"
    memory: float = 8.0  # GB of pictures
    precision: Literal["bf16", "fp32"] = "bf16"
    optimizer: Literal["adam", "soap"] = "adam"
    validate_minutes: float = 15.0
    tensorboard: bool = False
    command: str = ""  # the command line that started the run, and those that resumed it with changes

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.hours is None):
            raise BadOptions("say how long to train: either `steps` or `hours`")
        if (self.steps or self.hours or 0) <= 0:
            raise BadOptions("`steps` and `hours` must be more than 0")
        if self.crop <= 0 or self.crop % DOWNSAMPLING:
            raise BadOptions(f"`crop` {self.crop}: give a multiple of {DOWNSAMPLING}")
        if self.batch < 1:
            raise BadOptions(f"`batch` {self.batch}: give 1 or more")

    def progress(self, step: int, elapsed: float) -> float:
        """The fraction of the run that is done, from 0 to 1."""
        return elapsed / 3600 / self.hours if self.hours else step / (self.steps or 1)


class Choices(Protocol):
    """The dataclass of an objective's choices, as a command and a checkpoint know it."""

    NAME: ClassVar[str]
    FIXED: ClassVar[tuple[str, ...]]  # choices that stay when a run is resumed
    __dataclass_fields__: ClassVar[dict[str, Any]]


AnyChoices = TypeVar("AnyChoices", bound=Choices)


@dataclasses.dataclass(frozen=True)
class RateDistortionChoices:
    """The choices of the codec's objective, which is in `rate_distortion.py`."""

    NAME: ClassVar[str] = "rate-distortion"
    FIXED: ClassVar[tuple[str, ...]] = ("kind", "n", "m", "lambdas", "distortion", "rate", "only_gains", "second_look")

    lambdas: tuple[float, ...] = DEFAULT_LAMBDAS
    n: int = 128  # channels of the inner layers
    m: int = 320  # channels of the latents
    kind: str = "balle2017"  # of the architecture
    distortion: str = "mse"
    balance: float = 0.0
    proxy: Proxy = "straight-through"  # for rounding, in the distortion
    softness: float = 6.0  # of the soft rounding before the noise in the rate
    rate: Rate = "tables"
    look_twice: Looks = "always"
    rounded_share: float = 0.1  # of the run, in which the decoder alone is trained on rounded latents
    start_from: str | None = None  # a model or a run; None for principal components
    second_look: tuple[float, ...] = ()  # blend weight of each lambda point; none if empty
    only_gains: tuple[float, ...] = ()  # train only the gains of these lambda points

    def __post_init__(self) -> None:
        if not 0 <= self.rounded_share < 1:
            raise BadOptions(f"`rounded_share` {self.rounded_share:g}: give a share below 1, or 0 for none")
        if self.softness < 0:
            raise BadOptions(f"soft rounding {self.softness:g}: give 0 or more")

    @property
    def final_share(self) -> float:
        return self.rounded_share

    @property
    def architecture(self) -> Architecture:
        return Architecture(self.kind, self.n, self.m)

    @property
    def trained_points(self) -> list[int]:
        """The lambda points, as rows of the gains, that a step may draw."""
        points = sorted(self.lambdas)
        return [points.index(value) for value in self.only_gains] or list(range(len(points)))

    @property
    def period(self) -> int:
        """The number of pictures after which lambda points and second looks repeat."""
        return len(self.trained_points) * (2 if self.look_twice == "half" else 1)

    @property
    def shares(self) -> tuple[float, ...]:
        """The blend weights of the second look that training uses."""
        return () if self.look_twice == "never" else self.second_look

    def describe(self) -> dict[str, Any]:
        return {"objective": self.NAME} | dataclasses.asdict(self)


def sort_options(options: Mapping[str, Any], *kinds: type) -> list[dict[str, Any]]:
    """Options by the dataclass whose fields they are; lists become tuples, as JSON knows none.

    >>> sort_options({"steps": 5, "data": ["photos"]}, TrainConfig)
    [{'data': ('photos',), 'steps': 5}]
    """
    left = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    found = [{f.name: left.pop(f.name) for f in dataclasses.fields(kind) if f.name in left} for kind in kinds]
    if left:
        raise BadOptions(f"there is no option {', '.join(sorted(left))} of this training")
    return found


def resumed(kind: type[AnyChoices], changes: Mapping[str, Any]) -> tuple[TrainConfig, AnyChoices]:
    """The choices of the run in the folder `output`, one of `changes`, with these changes."""
    from lic.tools.training import checkpoint  # not at the top: --help does without torch

    path = Path(changes["output"], checkpoint.CHECKPOINT)
    info = checkpoint.read_info(path)
    with checkpoint.reading(path):
        stored = dict(info["config"])
        trains = stored.pop("objective")
    if trains != kind.NAME:
        raise BadOptions(f"the run in {changes['output']} trains another kind of model ({trains})")
    try:
        loop, model = sort_options(stored, TrainConfig, kind)
    except BadOptions as error:
        raise checkpoint.CheckpointError(
            f"the run in {changes['output']} is of another version of lic: {error}"
        ) from error
    with checkpoint.reading(path):
        config, objective = TrainConfig(**loop), kind(**model)
        check_types(config)
        check_types(objective)
    loop, model = sort_options(changes, TrainConfig, kind)
    for name in (*kind.FIXED, "optimizer"):
        before = getattr(config if name == "optimizer" else objective, name)
        if (loop | model).get(name, before) != before:
            raise BadOptions(
                f"a resumed run goes on as it was begun, but its {name} would change: leave that option out"
            )
    if loop.keys() & {"steps", "hours"}:
        loop = {"steps": None, "hours": None} | loop
    command = loop.pop("command", "")
    if (loop | model).keys() - {"output"}:
        loop["command"] = f"{config.command} && {command}".removeprefix(" && ")
    return dataclasses.replace(config, **loop), dataclasses.replace(objective, **model)


def check_types(choices: Any) -> None:
    """Raise TypeError for a dataclass with a value that is not of the type of its field, as files may have.

    >>> @dataclasses.dataclass
    ... class Choices:
    ...     hours: float | None = None
    ...     data: tuple[str, ...] = ()
    >>> check_types(Choices(2, ("photos",)))
    >>> check_types(Choices(data=(1,)))
    Traceback (most recent call last):
    ...
    TypeError: data is (1,)
    """
    kinds = get_type_hints(type(choices))
    for field in dataclasses.fields(choices):
        value = getattr(choices, field.name)
        if not _fits(value, kinds[field.name]):
            raise TypeError(f"{field.name} is {value!r}")


def _fits(value: object, kind: Any) -> bool:
    parts = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if get_origin(kind) is Literal:
        return value in parts
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_fits(item, parts[0]) for item in value)
    return type(value) in ((int, float) if kind is float else (kind,))
