"""Measuring codecs: real files of many codecs on many pictures, decoded again and compared with the originals."""

import itertools
import json
import math
import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lic.codec.encode.settings import DEFAULT_EFFORT
from lic.tools.evaluation import codecs
from lic.tools.evaluation.codecs import Codec, Pixels
from lic.tools.evaluation.curves import METRICS, mean_curve
from lic.tools.evaluation.metrics import find_metric, measure
from lic.tools.evaluation.results import ALL_OF_KODAK, CodecInfo, Measurement, Results
from lic.tools.pool import DIED, in_processes
from lic.tools.progress_bar import StatusLine
from lic.tools.usage import BadOptions, describe, printable

KODAK = Path(__file__).parent / "kodak_hashes.json"
WARM_UP = np.zeros((32, 32, 3), np.uint8)


@dataclass(frozen=True)
class Task:
    """One picture, one codec, all its settings; `model` and `effort` are those of lic."""

    path: str
    picture: str
    codec: str
    model: str | None
    effort: int
    settings: tuple[float, ...]
    metrics: tuple[str, ...] = ()  # from outside of the package


class TaskResult(NamedTuple):
    """The hash of the picture's pixels, and a measurement per setting; a failure is the last one."""

    digest: str
    measurements: list[Measurement]


def evaluate(
    paths: Sequence[str],
    names: Sequence[str],
    models: Sequence[str | None] = (None,),
    qualities: dict[str, tuple[float, ...]] | None = None,
    jobs: int = 1,
    efforts: Sequence[int] = (DEFAULT_EFFORT,),
    metrics: Sequence[str] = (),
) -> Results:
    """Code every picture with every codec at every setting; `metrics` are from outside of the package."""
    for metric in metrics:
        find_metric(metric)
    qualities = qualities or {}
    infos: dict[str, CodecInfo] = {}
    tasks: list[Task] = []
    for name, picture in zip(names_of(paths), paths, strict=True):
        for codec_name in names:
            for model, effort in itertools.product(models, efforts) if codec_name == codecs.LIC else [(None, 0)]:
                codec = _codec(codec_name, model, effort)
                info = CodecInfo(codec.label, codec.version, codec.settings, codec.kmacs)
                if infos.setdefault(codec.name, info) != info:
                    raise BadOptions(f"two models would both be called {codec.name}: rename one of their files")
                settings = tuple(sorted(qualities.get(codec_name, codec.ladder)))
                if not codec.grid[0] <= settings[0] <= settings[-1] <= codec.grid[-1]:
                    limits = f"{codec.grid[0]:g} to {codec.grid[-1]:g}"
                    raise BadOptions(f"{codec.label} knows no such `qualities`: choose from {limits}")
                tasks.append(Task(picture, name, codec_name, model, effort, settings, tuple(metrics)))
    if unused := qualities.keys() - set(names):
        raise BadOptions(f"qualities for {', '.join(sorted(unused))}, which is not among the codecs")

    measurements: list[Measurement] = []
    hashes: dict[str, str] = {}
    files, total = 0, sum(len(task.settings) for task in tasks)
    with StatusLine() as line:
        for number, (digest, measured) in _results_of(tasks, jobs):
            task = tasks[number]
            hashes[task.picture] = digest or hashes.get(task.picture, "")
            measurements += measured
            files += len(task.settings)
            line.count("files", files, total)
            if measured[-1].error:
                error = f"{measured[-1].codec} failed on {task.path}: {measured[-1].error}"
                line.say(printable(error))
    order = list(infos)
    measurements.sort(key=lambda m: (m.picture, order.index(m.codec), m.setting))
    return Results(tuple(measurements), infos, recognise_kodak(hashes), machine(jobs))


def _results_of(tasks: Sequence[Task], jobs: int) -> Iterable[tuple[int, TaskResult]]:
    if jobs == 1:
        return enumerate(map(measure_task, tasks))
    # One thread in each process: more would compete for the same cores.
    return in_processes(tasks, measure_task, min(jobs, len(tasks)), 1, _died)


def _died(task: Task) -> TaskResult:
    name = _codec(task.codec, task.model, task.effort).name
    return TaskResult("", [Measurement(task.picture, 0, 0, name, error=DIED)])


@cache
def _codec(name: str, model: str | None, effort: int) -> Codec:
    """The codec, after a warm-up that loads libraries and models."""
    codec = codecs.get_codec(name, model, effort)
    codec.decode(codec.encode(WARM_UP, codec.ladder[0]))
    return codec


def measure_task(task: Task) -> TaskResult:
    """Code one picture by one codec at all settings."""
    codec = _codec(task.codec, task.model, task.effort)
    digest, width, height = "", 0, 0
    measurements: list[Measurement] = []
    try:
        pixels = codecs.read_rgb(task.path)
        height, width = pixels.shape[:2]
        digest = pixel_hash(pixels)
        for setting in task.settings:
            measurements.append(measure_file(task.picture, pixels, codec, setting, task.metrics))
    except Exception as error:  # whatever a codec's library raises
        measurements.append(Measurement(task.picture, width, height, codec.name, error=describe(error)))
    return TaskResult(digest, measurements)


def measure_file(
    picture: str, pixels: Pixels, codec: Codec, setting: float, metrics: Sequence[str] = ()
) -> Measurement:
    """Encode, decode, compare."""
    start = time.perf_counter()
    data = codec.encode(pixels, setting)
    encoded = time.perf_counter()
    decoded = codec.decode(data)
    end = time.perf_counter()
    scores = measure(pixels, decoded)
    height, width = pixels.shape[:2]
    return Measurement(
        picture,
        width,
        height,
        codec.name,
        setting,
        len(data),
        8 * len(data) / (width * height),
        **scores._asdict(),
        ms_ssim_db=scores.ms_ssim_db,
        encode_seconds=round(encoded - start, 5),
        decode_seconds=round(end - encoded, 5),
        own=tuple((m.rpartition(":")[2], float(find_metric(m)(pixels, decoded))) for m in metrics),
    )


def names_of(paths: Sequence[str]) -> list[str]:
    """Short names of pictures: those of the files, or the whole paths where names repeat.

    >>> names_of(["a/x.png", "a/y.png"]), names_of(["a/x.png", "b/x.png"])
    (['x.png', 'y.png'], ['a/x.png', 'b/x.png'])
    """
    names = [Path(path).name for path in paths]
    return names if len(set(names)) == len(names) else list(paths)


def pixel_hash(pixels: Pixels) -> str:
    """SHA-256 of width, height and the RGB samples: the same for every lossless copy of a picture."""
    height, width = pixels.shape[:2]
    return sha256(f"{width} {height} ".encode() + pixels.tobytes()).hexdigest()


def recognise_kodak(hashes: dict[str, str]) -> str:
    """The data set that the pictures (name: pixel hash) belong to, if it is known."""
    known = json.loads(KODAK.read_text())
    found = {known[digest] for digest in hashes.values() if digest in known}
    others = [name for name, digest in hashes.items() if digest not in known]
    if not found:
        return ""
    if len(found) == len(known) and not others:
        return f"{ALL_OF_KODAK}, checked by the hash of their pixels"
    text = f"{len(found)} of the {len(known)} Kodak pictures, checked by the hash of their pixels"
    return text + (f", and {len(others)} that are not Kodak's: {', '.join(sorted(others))}" if others else "")


def machine(jobs: int) -> str:
    """The machine and software that times were measured on."""
    system = f"{platform.system()} {platform.machine()}"
    return f"Python {platform.python_version()} on {system}, {jobs} processes at once"


def summary(results: Results) -> str:
    """The last lines of `lic eval`'s output."""
    lines = [results.dataset or "The pictures are none that are known by their hash."]
    if failed := results.failed():
        lines.append(f"left out of all means, because a codec failed on it: {', '.join(failed)}")
    pictures = results.pictures()
    lines.append(f"means over {len(pictures)} pictures at each setting:")
    width = max([20, *(len(info.label) for info in results.codecs.values())]) + 2
    lines.append(f"{'codec':{width}}{'files':>6}  {'bits per pixel':>18}  {'PSNR (RGB), dB':>16}  {'MS-SSIM':>16}")
    for codec, info in results.codecs.items() if pictures else []:
        psnr, ms_ssim = (mean_curve(results, codec, METRICS[name]).points for name in ("psnr", "ms-ssim"))
        if psnr:
            bpp = _span(psnr[0].bpp, psnr[-1].bpp, ".3f")
            decibels = _span(psnr[0].value, psnr[-1].value, ".2f")
            similarity = _span(ms_ssim[0].value, ms_ssim[-1].value, ".4f")
            files = len(psnr) * len(pictures)
            lines.append(f"{info.label:{width}}{files:6}  {bpp:>18}  {decibels:>16}  {similarity:>16}")
    return "\n".join(lines)


def _span(low: float, high: float, style: str) -> str:
    return "-" if math.isnan(low) else f"{low:{style}} to {high:{style}}"
