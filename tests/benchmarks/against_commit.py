"""This version beside another one of lic, in turns on one machine: medians, and the ratio of the two.

    python tests/benchmarks/against_commit.py OTHER_PYTHON [--rounds 9] [--json FILE]

OTHER_PYTHON is the interpreter of an environment in which another commit is installed (`git worktree add ../before
2218cd9 && python -m venv before && before/bin/pip install ../before`). Each version works in processes of its own, with
one thread on one core and with two on two. Pictures are scikit-image's coffee, enlarged; both encode at quality 50
whatever their default is.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

from machine import describe_machine, keep

WORKER = """
import io, os, sys, time
import numpy as np, skimage.data
from PIL import Image
import lic

def picture(width, height):
    return np.array(Image.fromarray(skimage.data.coffee()).resize((width, height), Image.Resampling.LANCZOS))

small, large = picture(768, 512), None
data = {"small": lic.encode(small, quality=50, lossless=False)}
for line in sys.stdin:
    what, _, effort = line.strip().partition(" ")
    if what.endswith("12") and large is None:
        large = picture(4243, 2828)
        data["large"] = lic.encode(large, quality=50, lossless=False)
    pixels, name = (large, "large") if what.endswith("12") else (small, "small")
    wall, cpu = time.perf_counter(), time.process_time()
    if what.startswith("encode"):
        lic.encode(pixels, quality=50, effort=int(effort or 0), lossless=False)
    else:
        lic.decode(data[name]).load()
    print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)
"""
# What is done, by how many threads, and whether seconds of processors count instead of time.
TASKS = {
    "decode 768x512, one core": ("decode", 1, False),
    "encode 768x512, one core": ("encode", 1, False),
    "decode 768x512, two cores": ("decode", 2, False),
    "encode 768x512, two cores": ("encode", 2, False),
    "encode 768x512, effort 4, two cores": ("encode 4", 2, False),
    "decode 12 megapixels, seconds of CPU": ("decode12", 2, True),
    "encode 12 megapixels, seconds of CPU": ("encode12", 2, True),
}
SLOW_ROUNDS = 3


class Worker:
    """A version of lic in a process."""

    def __init__(self, python: str, threads: int) -> None:
        pin = ["taskset", "-c", "0"] if threads == 1 else []
        environment = os.environ | {"LIC_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
        command = [*pin, python, "-c", WORKER]
        # Not in a folder with another lic, which would hide the installed one.
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd="/"
        )

    def seconds(self, task: str, of_cpu: bool) -> float:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{task}\n")
        self.process.stdin.flush()
        wall, cpu = map(float, self.process.stdout.readline().split())
        return cpu if of_cpu else wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", help="the other version's interpreter")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    args = parser.parse_args()
    pythons = {"now": sys.executable, "before": os.path.abspath(args.other)}
    workers = {(name, n): Worker(python, n) for name, python in pythons.items() for n in (1, 2)}
    found = {}
    for what, (task, threads, of_cpu) in TASKS.items():
        rounds = SLOW_ROUNDS if "12" in task or "4" in task else args.rounds
        times: dict[str, list[float]] = {name: [] for name in pythons}
        for i in range(rounds + 1):
            for name in pythons:
                seconds = workers[name, threads].seconds(task, of_cpu)
                if i:  # the first round is a warm-up
                    times[name].append(seconds)
        ratios = [a / b for a, b in zip(times["now"], times["before"], strict=True)]
        row = {name: round(statistics.median(values), 4) for name, values in times.items()}
        row |= {"ratio": round(statistics.median(ratios), 3), "range": [round(min(ratios), 3), round(max(ratios), 3)]}
        print(f"{what:<40} {row}", flush=True)
        found[what] = row
    keep(args.json, {"machine": describe_machine(), "seconds": found})


if __name__ == "__main__":
    main()
