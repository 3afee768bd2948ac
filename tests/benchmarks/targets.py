"""What people feel of size and speed, beside what it should be: one table, of one run on one machine.

    python tests/benchmarks/targets.py [--models photo ...] [--compressai PYTHON] [--size] [--json FILE]

Models are measured one after the other. Times are medians of calls that take turns, in processes bound to one core or
to two (on Linux); those of the large picture are the shorter of two. The pictures are scikit-image's coffee, enlarged,
at quality 50. PYTHON is an interpreter that has CompressAI: see against_compressai.py, from which the ratios to its
factorised model come. AVIF is Pillow's, in a file of about as many bytes as ours. `--size` installs the repository into
a new environment.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import skimage.data
from machine import describe_machine
from PIL import Image

from lic.codec.model.catalogue import find_model

ROOT = Path(__file__).parents[2]
COLD_RUNS = 9
# What is printed, the target in words, and where the figure comes from.
TARGETS = {
    "site-packages after `pip install .`, MB": "180",
    "cold `lic decode` of 768x512, s": "0.6",
    "cold `lic info`, s": "0.1",
    "encoding 768x512, one core, ms": "",
    "decoding 768x512, one core, ms": "",
    "contexts and range decoding of 768x512, one core, ms": "8",
    "decoding, one core, times as fast as CompressAI": "6",
    "decoding, two cores, times as fast as CompressAI": "8",
    "encoding, one core, times as fast as CompressAI": "4",
    "decoding, one core, times as slow as AVIF": "16; with `balle2017` 12",
    "encoding 12 megapixels, two cores, s": "4",
    "encoding 12 megapixels, two cores, s of CPU": "",
    "decoding 12 megapixels, two cores, s": "4",
    "decoding 12 megapixels, two cores, s of CPU": "",
    "encoding 768x512 with effort 4, two cores, s": "2",
}

CALLS = """
import io, json, statistics, sys, time
import numpy as np
from PIL import Image
import lic
from lic.codec.decoder import read_chunks
from lic.codec.file.container import parse
from lic.codec.model.catalogue import find_model

model = sys.argv[2]
pixels = np.array(Image.open(sys.argv[1]))
data = lic.encode(pixels, quality=50, model=model)
file, frozen = parse(data), find_model(model).load()

def avif(quality):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "AVIF", quality=quality)
    return out.getvalue()

other = min(map(avif, range(10, 91, 4)), key=lambda coded: abs(len(coded) - len(data)))
calls = {
    "encode": lambda: lic.encode(pixels, quality=50, model=model),
    "coder": lambda: [*read_chunks(file, frozen)],
    "decode": lambda: lic.decode(data, model=model),
    "avif": lambda: Image.open(io.BytesIO(other)).load(),
}
times = {name: [] for name in calls}
for turn in range(17):
    for name, call in calls.items():
        start = time.perf_counter()
        call()
        times[name].append(1000 * (time.perf_counter() - start))
print(json.dumps({name: statistics.median(values[2:]) for name, values in times.items()}))
"""

EFFORT = """
import json, statistics, sys, time
import numpy as np
from PIL import Image
import lic

pixels, times = np.array(Image.open(sys.argv[1])), []
for _ in range(6):
    start = time.perf_counter()
    lic.encode(pixels, quality=50, model=sys.argv[2], effort=4)
    times.append(time.perf_counter() - start)
print(json.dumps(statistics.median(times[1:])))
"""

LARGE = """
import json, sys, time
import numpy as np
from PIL import Image
import lic

model = sys.argv[2]
pixels = np.array(Image.open(sys.argv[1]))
lic.decode(lic.encode(pixels[:64], model=model), model=model)

def timed(call):
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return result, (time.perf_counter() - wall, time.process_time() - cpu)

encoded = [timed(lambda: lic.encode(pixels, quality=50, model=model)) for _ in range(2)]
decoded = [timed(lambda: lic.decode(encoded[0][0], model=model)) for _ in range(2)]
print(json.dumps({"encode": min(t for _, t in encoded), "decode": min(t for _, t in decoded)}))
"""


def run(code: str, *arguments: str, cores: int) -> Any:
    """What a process on so many cores prints, as JSON."""
    bound = bind(cores)
    done = subprocess.run([*bound, sys.executable, "-c", code, *arguments], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def bind(cores: int) -> list[str]:
    if not shutil.which("taskset"):
        sys.exit("this needs Linux's taskset, to give a process a number of cores")
    usable = sorted(os.sched_getaffinity(0))[:cores]
    if len(usable) < cores:
        sys.exit(f"this needs {cores} cores, there is one")
    return ["taskset", "-c", ",".join(map(str, usable))]


def cold(folder: str, *arguments: str) -> float:
    """The median of cold runs of `lic`, in seconds, with its modules compiled as they are after `pip install .`."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(Path(folder, "compiled"))
    times = []
    for _ in range(1 + COLD_RUNS):  # the first one compiles
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "lic", *arguments], check=True, capture_output=True, env=environment)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def against_compressai(python: str, model: str, cores: int, folder: str) -> dict[str, float]:
    """How many times as fast as CompressAI's factorised model encoding and decoding are."""
    out = Path(folder, "ratios.json")
    script = str(Path(__file__).parent / "against_compressai.py")
    options = ["--compressai", python, "--model", model, "--threads", str(cores), "--json", str(out)]
    subprocess.run([*bind(cores), sys.executable, script, *options], check=True, stdout=subprocess.DEVNULL)
    content = json.loads(out.read_text())
    return {call: content[call]["ratio"][0] for call in ("encode", "decode")}


def installed_size(folder: str) -> float:
    """Megabytes of site-packages, pip's own included, after `pip install .`."""
    home = Path(folder, "environment")
    venv.create(home, with_pip=True)
    subprocess.run([home / "bin" / "pip", "install", "-q", "."], cwd=ROOT, check=True)
    (packages,) = home.glob("lib/python*/site-packages")
    return sum(path.stat().st_size for path in packages.rglob("*") if path.is_file()) / 1e6


def measure(model: str, compressai: str | None, folder: str) -> dict[str, float]:
    coffee = Image.fromarray(skimage.data.coffee())
    small, large, coded = (str(Path(folder, name)) for name in ("small.png", "large.png", "small.lic"))
    coffee.resize((768, 512), Image.Resampling.LANCZOS).save(small)
    coffee.resize((4000, 3000), Image.Resampling.LANCZOS).save(large, compress_level=1)
    subprocess.run([sys.executable, "-m", "lic", "encode", small, "-f", "-m", model, "-o", coded], check=True)
    one = run(CALLS, small, model, cores=1)
    found = {
        "cold `lic decode` of 768x512, s": cold(folder, "decode", coded, "-f", "-m", model),
        "cold `lic info`, s": cold(folder, "info", coded),
        "encoding 768x512, one core, ms": one["encode"],
        "decoding 768x512, one core, ms": one["decode"],
        "contexts and range decoding of 768x512, one core, ms": one["coder"],
        "decoding, one core, times as slow as AVIF": one["decode"] / one["avif"],
        "encoding 768x512 with effort 4, two cores, s": run(EFFORT, small, model, cores=2),
    }
    two = run(LARGE, large, model, cores=2)
    for call in ("encode", "decode"):
        name = f"{call[:-1]}ing 12 megapixels, two cores, s"
        found[name], found[f"{name} of CPU"] = two[call]
    if compressai:
        for words, cores in (("one core", 1), ("two cores", 2)):
            for call, ratio in against_compressai(compressai, model, cores, folder).items():
                found[f"{call[:-1]}ing, {words}, times as fast as CompressAI"] = ratio
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["photo"], metavar="MODEL", help="names or paths")
    parser.add_argument("--compressai", metavar="PYTHON", help="interpreter that has compressai")
    parser.add_argument("--size", action="store_true", help="measure what is installed, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {
            f"{Path(model).stem} {find_model(model).load().fingerprint.hex()}": measure(model, args.compressai, folder)
            for model in args.models
        }
        if args.size:
            size = installed_size(folder)
            for figures in found.values():
                figures["site-packages after `pip install .`, MB"] = size
    for model, figures in found.items():
        print(model)
        for name, target in TARGETS.items():
            if name in figures:
                print(f"  {name:<56} {figures[name]:8.2f}   target {target}".removesuffix("   target "))
    if args.json:
        kept = {model: {name: round(value, 3) for name, value in figures.items()} for model, figures in found.items()}
        content = {"machine": describe_machine(), "aims": TARGETS, "models": kept}
        args.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
