"""Curves in other projects' files: CompressAI's JSON, and any JSON, CSV or TSV with columns for rate and metric.

A file is a table: {"results": {column: [values]}} as CompressAI writes it, {column: [values]}, a list of rows, or a
CSV or TSV file with a header. Rows of several codecs are told apart by a column such as "codec" or "model"; a row is a
point, so give means over pictures.
"""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

from lic.tools.evaluation.curves import Curve, Point
from lic.tools.evaluation.metrics import to_db
from lic.tools.evaluation.results import BadResults

RATES = ("bpp", "rate", "rate-bpp", "bits-per-pixel", "bitrate")
NAMES = ("codec", "model", "method", "name", "label")
WORK = ("kmacs", "kmac", "kmac-per-pixel", "kmac/pixel", "kmac/px")
COLUMNS = {
    "psnr": ("psnr", "psnr-rgb", "psnr-db", "rgb-psnr"),
    "psnr-luma": ("psnr-luma", "psnr-y"),
    "ssim": ("ssim", "ssim-rgb"),
    "ms-ssim": ("ms-ssim", "ms-ssim-rgb", "msssim", "rgb-ms-ssim"),
}


def is_foreign(path: str | Path) -> bool:
    """Whether a file is readable, but not written by `lic eval`."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    if Path(path).suffix.lower() == ".json":
        return '"lic_eval"' not in text
    return not text.startswith("picture,width,height,codec,")


def foreign_curves(path: str | Path, metric: str) -> list[Curve]:
    """The curves of a file that have the metric; none if it is not among its columns."""
    path = Path(path)
    try:
        title, rows = _table(path)
    except (AttributeError, LookupError, TypeError, ValueError, csv.Error) as error:
        raise BadResults(f"{path}: no table of results ({type(error).__name__}: {str(error)[:100]})") from error
    points: dict[str, list[Point]] = {}
    work: dict[str, float] = {}
    for row in rows:
        rate, value = _first(row, RATES), _first(row, COLUMNS.get(metric.removesuffix("-db"), (metric,)))
        if rate is None:
            raise BadResults(f"{path}: none of its columns is a rate; call it bpp")
        if value is not None and math.isfinite(number := float(value)):
            name = str(_first(row, NAMES) or title)
            points.setdefault(name, []).append(Point(float(rate), to_db(number) if metric.endswith("-db") else number))
            if kmacs := _first(row, WORK):
                work[name] = float(kmacs)
    return [Curve(name, name, sorted(found), str(path), work.get(name)) for name, found in points.items()]


def _table(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """The title of a table, and its rows with the names of columns in lower case and with hyphens."""
    text, title, table = path.read_text(encoding="utf-8"), path.stem, None
    if path.suffix.lower() != ".json":
        table = list(csv.DictReader(io.StringIO(text), delimiter="\t" if "\t" in text.partition("\n")[0] else ","))
    else:
        table = json.loads(text)
        if isinstance(table, dict) and "results" in table:
            title, table = str(table.get("name") or title), table["results"]
        if isinstance(table, dict):
            columns = {key: values for key, values in table.items() if isinstance(values, list)}
            table = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    rows = [{key.strip().lower().replace("_", "-").replace(" ", "-"): v for key, v in row.items()} for row in table]
    return title, rows


def _first(row: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The value of the first of these columns that the row has."""
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)
