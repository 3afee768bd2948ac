"""Where the time of one picture goes, and what a cold process costs; medians in milliseconds, two threads.

python tests/benchmarks/breakdown.py [--picture FILE] [--quality 50]
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
import torch
from PIL import Image

from lic import decode, encode
from lic.codec import coding
from lic.codec.file.container import parse
from lic.codec.model.frozen import get_model

RUNS = 9


def median_ms(function: Callable[[], object]) -> float:
    function()  # warm-up
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def cold_ms(*arguments: str) -> float:
    return median_ms(lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", help="scikit-image's coffee, enlarged to 768x512, if not given")
    parser.add_argument("--quality", type=float, default=50)
    args = parser.parse_args()
    torch.set_num_threads(2)
    model = get_model()
    if args.picture:
        image = Image.open(args.picture).convert("RGB")
    else:
        image = Image.fromarray(skimage.data.coffee()).resize((768, 512), Image.Resampling.LANCZOS)
    pixels, position = np.array(image), model.position(args.quality)
    latents = coding.first_look(pixels, model)
    data = encode(pixels, quality=args.quality)
    file, whole = parse(data), (0, 0, *image.size)
    symbols = coding.unpack_latents(file, model)
    stages: dict[str, Callable[[], object]] = {
        "encode, whole call": lambda: encode(pixels, quality=args.quality),
        "  analysis": lambda: coding.first_look(pixels, model),
        "  second look, if there is one": lambda: coding.look_again(latents.copy(), pixels, model, 1),
        "  contexts and range coding": lambda: coding.pack_latents(
            coding.choose_symbols(latents, pixels, model, position, 0), model, position
        ),
        "  with effort 4, whole call": lambda: encode(pixels, quality=args.quality, effort=4),
        "decode, whole call": lambda: decode(data),
        "  contexts and range decoding": lambda: coding.unpack_latents(file, model),
        "  synthesis": lambda: coding.synthesise(symbols, model, position, image.size, whole),
        "tables of one picture": lambda: model.tables_at(position),
    }
    for name, function in stages.items():
        print(f"{name:<32} {median_ms(function):8.1f}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.lic")
        path.write_bytes(data)
        command = ["-m", "lic.tools.cli"]
        print(f"{'lic decode, cold process':<32} {cold_ms(*command, 'decode', str(path), '-f'):8.1f}")
        print(f"{'  import torch':<32} {cold_ms('-c', 'import torch'):8.1f}")
        print(f"{'lic info, cold process':<32} {cold_ms(*command, 'info', str(path)):8.1f}")
        print(f"{'lic --help, cold process':<32} {cold_ms(*command, '--help'):8.1f}")


if __name__ == "__main__":
    main()
