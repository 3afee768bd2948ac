"""Where the time of decoding and of analysing goes: milliseconds of each layer on one core, medians of nine runs.

python tests/benchmarks/layers.py [--model photo] [--quality 50]

A C compiler must be there; the core is compiled with the options that setup.py has for it.
"""

import argparse
import gzip
import statistics
import subprocess
import tempfile
from pathlib import Path

from machine import processor_name

from lic.codec.model.catalogue import find_model
from lic.codec.model.packed import pack_encoder, pack_model

HERE = Path(__file__).parent
CORE = HERE.parents[1] / "codec" / "core"
WIDTH, HEIGHT, RUNS = 768, 512, 9


def measure(program: Path, files: list[str], position: int, task: str) -> list[tuple[str, float]]:
    """For each step its description and median time."""
    command = [program, *files, position, WIDTH, HEIGHT, task, RUNS]
    lines = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout.splitlines()
    times: dict[tuple[int, str], list[float]] = {}
    for line in lines:
        place, width, before, behind, kind, nanoseconds = line.split("\t")
        text = f"{kind}, {before} to {behind} numbers, {width} positions in a row"
        times.setdefault((int(place), text), []).append(int(nanoseconds) / 1e6)
    return [(text, statistics.median(found)) for (_, text), found in times.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="photo")
    parser.add_argument("--quality", type=float, default=50)
    args = parser.parse_args()
    model = find_model(args.model).load()
    with tempfile.TemporaryDirectory() as folder:
        program, files = Path(folder) / "layers", []
        sources = [path for path in sorted(CORE.glob("*.c")) if not path.stem.endswith("module")]
        options = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", f"-I{CORE}"]
        subprocess.run(["cc", *options, HERE / "layers.c", *sources, "-lm", "-o", program], check=True)
        for name, packed in (("model", pack_model(model)), ("encoder", pack_encoder(model))):
            files.append(str(Path(folder) / name))
            Path(files[-1]).write_bytes(gzip.decompress(packed))
        print(f"{processor_name()}, one core, {WIDTH}x{HEIGHT}, model {model.name} {model.fingerprint.hex()}")
        for task in ("decode", "analyse"):
            found = measure(program, files, model.position(args.quality), task)
            total = sum(time for _, time in found)
            print(f"{task}: {total:.1f} ms")
            for text, time in found:
                if time > 0.005 * total:
                    print(f"  {time:6.1f} ms  {time / total:4.0%}  {text}")


if __name__ == "__main__":
    main()
