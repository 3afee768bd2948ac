"""Whether a model may ship: real files of the validation set by it and by the incumbent, the model that ships now.

    python -m tests.results.acceptance CANDIDATE.safetensors valid/ [--against photo] [-o tests/results/acceptance.json]

The rule: at equal quality, by the metric that it was trained for (PSNR or MS-SSIM), the candidate's files are smaller
than the incumbent's, without effort and with effort 4. Smaller means a negative BD-rate of the mean curves over the
validation set. Models for MS-SSIM, which allow no effort, are judged without. Kodak plays no part.

The table is printed, the measurements are kept with -o, and the exit code is 0 if the model may ship, otherwise 1.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from lic.codec.model.catalogue import find_model
from lic.tools.evaluation import bd
from lic.tools.evaluation.curves import METRICS, mean_curve
from lic.tools.evaluation.measuring import evaluate
from lic.tools.evaluation.results import Results, save_results
from lic.tools.files import find_pictures

QUALITIES = (1.0, 20.0, 40.0, 60.0, 80.0, 100.0)
CANDIDATE, INCUMBENT = "candidate", "incumbent"
WITH_EFFORT = "-effort4"


class Criterion(NamedTuple):
    metric: str
    efforts: tuple[int, ...]


CRITERIA = {
    "mse": Criterion("psnr", (0, 4)),
    "ms-ssim": Criterion("ms-ssim-db", (0,)),
    "ms-ssim+mse": Criterion("ms-ssim-db", (0,)),
}  # by what a model is trained for


def criterion_of(model: str) -> Criterion:
    return CRITERIA[find_model(model).load().card.get("distortion", "mse")]


def measure(paths: Sequence[str], candidate: str, incumbent: str, jobs: int) -> Results:
    """All pictures by both models: codecs `candidate` and `incumbent`, and the same with `-effort4`."""
    efforts = criterion_of(candidate).efforts
    parts = [
        as_role(role, evaluate(paths, ["lic"], [model], {"lic": QUALITIES}, jobs, efforts))
        for role, model in ((CANDIDATE, candidate), (INCUMBENT, incumbent))
    ]
    codecs = {name: info for part in parts for name, info in part.codecs.items()}
    return replace(parts[0], measurements=tuple(m for part in parts for m in part.measurements), codecs=codecs)


def as_role(role: str, results: Results) -> Results:
    """Codecs named after what the model is here, since both models may have one name."""
    names = {name: role + (WITH_EFFORT if name.endswith(WITH_EFFORT) else "") for name in results.codecs}
    codecs = {names[name]: replace(info, label=f"{role}: {info.label}") for name, info in results.codecs.items()}
    measurements = tuple(replace(m, codec=names[m.codec]) for m in results.measurements)
    return replace(results, measurements=measurements, codecs=codecs)


def differences(results: Results, metric: str) -> list[bd.Difference]:
    """From the incumbent's files to the candidate's, without effort and, where it was measured, with it."""
    found = []
    for suffix in ("", WITH_EFFORT):
        if CANDIDATE + suffix in results.codecs:
            curves = [mean_curve(results, role + suffix, METRICS[metric]) for role in (INCUMBENT, CANDIDATE)]
            found += bd.compare_all(curves, INCUMBENT + suffix, results, metric)
    return found


def may_ship(results: Results, metric: str) -> bool:
    return all(difference.rate_percent < 0 for difference in differences(results, metric))


def table(results: Results) -> list[list[str]]:
    """Header first; rates to two digits after the point, since one stage of training gains half a percent."""
    by_psnr, by_ms_ssim = (differences(results, metric) for metric in ("psnr", "ms-ssim-db"))
    rows = [["candidate against incumbent", "BD-rate, PSNR", "per picture", "BD-rate, MS-SSIM"]]
    for one, other in zip(by_psnr, by_ms_ssim, strict=True):
        numbers = one.rate_percent, one.per_picture_percent, other.rate_percent
        effort = "effort 4" if one.codec.endswith(WITH_EFFORT) else "without effort"
        rows.append([effort, *(f"{number:+.2f} %" for number in numbers)])
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("candidate", help="name or path of a model")
    parser.add_argument("pictures", nargs="+", help="the validation set: pictures, or folders of them")
    parser.add_argument("--against", default="photo", help="the model that ships (default: photo)")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="processes")
    parser.add_argument("-o", "--output", help="keep the measurements there, as JSON")
    args = parser.parse_args(argv)
    results = measure(list(map(str, find_pictures(args.pictures))), args.candidate, args.against, args.jobs)
    if args.output:
        save_results(args.output, results)
    metric = criterion_of(args.candidate).metric
    accepted = may_ship(results, metric)
    print(bd.as_text(table(results)))
    print(f"judged by {METRICS[metric].label}: {'it may ship' if accepted else 'it may not ship'}")
    return 0 if accepted else 1


if __name__ == "__main__":
    sys.exit(main())
