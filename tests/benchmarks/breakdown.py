"""The time of each step for one picture, and of a cold process: milliseconds, on up to two cores.

python tests/benchmarks/breakdown.py [--picture FILE] [--quality 50] [--json FILE]

Printed are the median, the fastest and the slowest of nine runs.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import skimage.data
from machine import describe_machine, keep
from PIL import Image

from lic import decode, encode
from lic.codec.decoder import read_symbols
from lic.codec.encode.pipeline import choose_symbols
from lic.codec.entropy import chunks
from lic.codec.entropy.library import Contexts
from lic.codec.entropy.reference import DependentCoder, ReferenceCoder
from lic.codec.file.container import parse
from lic.codec.model.catalogue import find_model
from lic.codec.model.operating_point import Look
from lic.codec.threads import usable_cores, use_threads
from lic.codec.transform.engine import decode_all, engine_of

RUNS = 9


def milliseconds(function: Callable[[], object]) -> list[float]:
    """The median, the fastest and the slowest of several runs."""
    function()  # warm-up
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - start))
    return [round(value, 1) for value in (statistics.median(times), min(times), max(times))]


def cold_process(*arguments: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", help="scikit-image's coffee, enlarged to 768x512, if not given")
    parser.add_argument("--quality", type=float, default=50)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    args = parser.parse_args()
    use_threads(min(usable_cores(), 2))
    model = find_model().load()
    if args.picture:
        image = Image.open(args.picture).convert("RGB")
    else:
        image = Image.fromarray(skimage.data.coffee()).resize((768, 512), Image.Resampling.LANCZOS)
    pixels, position = np.array(image), model.position(args.quality)
    what = {"model": f"{model.name} {model.fingerprint.hex()}", "pixels": image.size}
    machine = {"machine": describe_machine(), "runs": RUNS}
    point = model.at(position)
    engine = engine_of(model)
    latents = engine.analyse(pixels)
    data = encode(pixels, quality=args.quality)
    file = parse(data)
    symbols = read_symbols(file, model)
    assert isinstance(model.entropy, Contexts)
    parts = model.entropy.tables, model.entropy.at(position)
    states = model.entropy.states
    reference = ReferenceCoder(*parts) if states is None else DependentCoder(*parts, states)
    stages: dict[str, Callable[[], object]] = {
        "encode, whole call": lambda: encode(pixels, quality=args.quality),
        "  analysis": lambda: engine.analyse(pixels),
        "  both looks": lambda: engine.analyse(pixels, Look(1)),
        "  contexts and range coding": lambda: chunks.pack(choose_symbols(pixels, model, point, latents), point.coder),
        "  with effort 4, whole call": lambda: encode(pixels, quality=args.quality, effort=4),
        "  with effort 16, whole call": lambda: encode(pixels, quality=args.quality, effort=16),
        "decode, whole call": lambda: decode(data),
        "  contexts and range decoding": lambda: read_symbols(file, model),
        "    in numpy": lambda: reference.decode(file.latents, symbols.shape),
        "  synthesis": lambda: decode_all([symbols], model, point, image.size),
        "  reduced to a half": lambda: decode(data, reduce=2),
        "  reduced to an eighth": lambda: decode(data, reduce=8),
        "tables of one picture": lambda: model.at(position).coder,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.lic")
        path.write_bytes(data)
        command = ["-m", "lic"]
        stages |= {
            "lic decode, cold process": cold_process(*command, "decode", str(path), "-f"),
            "lic info, cold process": cold_process(*command, "info", str(path)),
            "lic --help, cold process": cold_process(*command, "--help"),
            "lic completion bash, cold process": cold_process(*command, "completion", "bash"),
        }
        times = {}
        for name, function in stages.items():
            median, fastest, slowest = times[name.strip()] = milliseconds(function)
            print(f"{name:<34} {median:8.1f} ({fastest} to {slowest})", flush=True)
    keep(args.json, machine | what | {"quality": args.quality, "milliseconds": times})


if __name__ == "__main__":
    main()
