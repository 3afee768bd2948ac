"""Measurements of codecs on pictures: what `lic eval` writes and `lic plot` reads.

One measurement is one picture coded by one codec at one setting. Files are JSON (one object, its measurements
a table with a row for each) or CSV (a row for each, what holds for a whole codec repeated in all). Numbers have
six significant digits; infinite values are written "inf", undefined ones null (JSON) or empty (CSV).
"""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from lic.codec.errors import LicError
from lic.tools.files import write_whole

FORMAT = 2
ABOUT = ("label", "version", "settings", "kmacs", "dataset", "machine")  # columns of CSV beside the measurement's
LONGEST_REASON = 200  # letters
ALL_OF_KODAK = "Kodak: all 24 pictures"  # the beginning of `dataset` if the pictures are exactly these


class BadResults(LicError):
    """A results file cannot be read, or contains nothing to compare."""


@dataclass(frozen=True)
class Measurement:
    """One picture, one codec, one setting; with an `error`, all measured values are 0 or nan."""

    picture: str
    width: int
    height: int
    codec: str
    setting: float = math.nan
    bytes: int = 0
    bpp: float = math.nan
    psnr: float = math.nan
    psnr_luma: float = math.nan
    psnr_chroma: float = math.nan
    ssim: float = math.nan
    ms_ssim: float = math.nan
    ms_ssim_db: float = math.nan
    encode_seconds: float = math.nan
    decode_seconds: float = math.nan
    error: str = ""
    own: tuple[tuple[str, float], ...] = ()  # metrics from outside of the package, each with its name


COLUMNS = tuple(field.name for field in fields(Measurement) if field.name != "own")


@dataclass(frozen=True)
class CodecInfo:
    """How the files of a codec were made."""

    label: str
    version: str
    settings: str
    kmacs: float | None = None  # multiplications of decoding, in thousands for each pixel, where they are known

    @classmethod
    def of(cls, about: dict[str, Any]) -> "CodecInfo":
        """The description in a file, with empty values where something is unknown."""
        known = float(about["kmacs"]) if about.get("kmacs") else None
        return cls(str(about["label"]), str(about["version"]), str(about["settings"]), known)


@dataclass(frozen=True)
class Results:
    """Measurements, and everything needed to repeat them."""

    measurements: tuple[Measurement, ...]
    codecs: dict[str, CodecInfo]
    dataset: str = ""  # the data set that the pictures were recognised as
    machine: str = ""

    def own_metrics(self) -> list[str]:
        """The names of metrics from outside of the package."""
        return list(dict.fromkeys(name for m in self.measurements for name, _ in m.own))

    def failed(self) -> list[str]:
        """The pictures that at least one codec failed on."""
        return sorted({m.picture for m in self.measurements if m.error})

    def pictures(self) -> list[str]:
        """The pictures that enter the means: those that every codec has coded without an error."""
        coded = [{m.picture for m in self.measurements if m.codec == codec} for codec in self.codecs]
        return sorted(set.intersection(*coded) - set(self.failed())) if coded else []

    def decoding_seconds(self, codec: str) -> float:
        """The time that a codec takes to decode a megapixel, over all its measurements."""
        mine = [m for m in self.measurements if m.codec == codec and not m.error and math.isfinite(m.decode_seconds)]
        return sum(m.decode_seconds for m in mine) / sum(m.width * m.height / 1e6 for m in mine) if mine else math.nan

    def of(self, codec: str, picture: str) -> list[Measurement]:
        """One picture's measurements, from the smallest file to the largest."""
        mine = [m for m in self.measurements if (m.codec, m.picture) == (codec, picture) and not m.error]
        return sorted(mine, key=lambda m: m.bpp)


def save_results(path: str | Path, results: Results, *, replace: bool = False) -> None:
    """Write JSON or CSV, by the suffix."""
    text = to_csv(results) if Path(path).suffix.lower() == ".csv" else to_json(results)
    write_whole(path, text.encode(errors="backslashreplace"), replace=replace)


def to_json(results: Results) -> str:
    """One measurement a line: such files are small, and two of them can be compared by eye."""
    header = {
        "lic_eval": FORMAT,
        "dataset": results.dataset,
        "machine": results.machine,
        "codecs": {name: {k: v for k, v in asdict(i).items() if v is not None} for name, i in results.codecs.items()},
        "failed": results.failed(),
        "columns": [*COLUMNS, *results.own_metrics()],
    }
    rows = [json.dumps(_row(m, results), ensure_ascii=False) for m in results.measurements]
    opened = json.dumps(header, indent=1, ensure_ascii=False).removesuffix("\n}")
    return opened + ',\n "measurements": [\n  ' + ",\n  ".join(rows) + "\n ]\n}\n"


def to_csv(results: Results) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*COLUMNS, *results.own_metrics(), *ABOUT])
    for m in results.measurements:
        info = results.codecs[m.codec]
        row = ["" if value is None else value for value in _row(m, results)]
        about = info.label, info.version, info.settings, "" if info.kmacs is None else info.kmacs
        writer.writerow([*row, *about, results.dataset, results.machine])
    return out.getvalue()


def _row(m: Measurement, results: Results) -> list[Any]:
    own = dict(m.own)
    values = [getattr(m, name) for name in COLUMNS]
    return [_plain(value) for value in [*values, *(own.get(name, math.nan) for name in results.own_metrics())]]


def load_results(paths: Iterable[str | Path]) -> Results:
    """Read results files and merge them."""
    return merge([(Path(path).stem, _load(Path(path))) for path in paths])


def merge(parts: list[tuple[str, Results]]) -> Results:
    """Merge several results, given by the names of their files.

    Of repeated measurements the last one counts. A codec of the same name that was made differently is kept as a
    separate codec, named after its file. Codecs with the same label, such as the default model and another model of
    the same name, are distinguished by their names.
    """
    codecs: dict[str, CodecInfo] = {}
    measurements: dict[tuple[str, str, float], Measurement] = {}
    for stem, part in parts:
        names = {}
        for codec, info in part.codecs.items():
            names[codec] = codec
            if codecs.get(codec, info) != info:
                names[codec] = f"{codec} ({stem})"
                info = replace(info, label=f"{info.label}, {stem}")
            codecs[names[codec]] = info
        for m in part.measurements:
            measurements[names[m.codec], m.picture, m.setting] = replace(m, codec=names[m.codec])
    shared = Counter(info.label for info in codecs.values())
    for name, info in codecs.items():
        if shared[info.label] > 1:
            codecs[name] = replace(info, label=f"{info.label}, {name}")
    datasets = {part.dataset for _, part in parts}
    machines = sorted({part.machine for _, part in parts})
    dataset = datasets.pop() if len(datasets) == 1 else ""
    return Results(tuple(measurements.values()), codecs, dataset, "; ".join(machines))


def _load(path: Path) -> Results:
    try:
        text = path.read_text(encoding="utf-8")
        return _from_csv(text) if path.suffix.lower() == ".csv" else _from_json(text)
    except OSError as error:
        raise BadResults(f"cannot read {path}: {error.strerror}") from error
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, csv.Error) as error:
        reason = f"{type(error).__name__}: {str(error)[:LONGEST_REASON]}"
        raise BadResults(f"{path} does not hold results of lic eval ({reason}): write it again") from error


def _from_json(text: str) -> Results:
    content = json.loads(text)
    if content["lic_eval"] != FORMAT:
        raise ValueError(f"its format is {content['lic_eval']}, this lic reads {FORMAT}")
    codecs = {name: CodecInfo.of(info) for name, info in content["codecs"].items()}
    rows = (dict(zip(content["columns"], row, strict=True)) for row in content["measurements"])
    measurements = tuple(_measurement(row) for row in rows)
    if unknown := {m.codec for m in measurements} - codecs.keys():
        raise ValueError(f"it measures codecs that it does not describe: {', '.join(unknown)}")
    return Results(measurements, codecs, str(content["dataset"]), str(content["machine"]))


def _from_csv(text: str) -> Results:
    rows = list(csv.DictReader(io.StringIO(text)))
    codecs = {row["codec"]: CodecInfo.of(row) for row in rows}
    measurements = tuple(_measurement(row) for row in rows)
    return Results(measurements, codecs, rows[0]["dataset"], rows[0]["machine"]) if rows else Results((), {})


def _measurement(row: dict[str, Any]) -> Measurement:
    values: dict[str, Any] = {}
    for field in fields(Measurement):
        if field.name == "own":
            continue
        value = row[field.name]
        if field.type is float:
            values[field.name] = math.nan if value in (None, "") else float(value)
        else:
            values[field.name] = (int if field.type is int else str)(value)
    own = {name: math.nan if v in (None, "") else float(v) for name, v in row.items() if name not in {*COLUMNS, *ABOUT}}
    return Measurement(**values, own=tuple(own.items()))


def _plain(value: Any) -> Any:
    """Floats as strict JSON has them, to six significant digits."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None if math.isnan(value) else "inf"
    return float(f"{value:.6g}")
