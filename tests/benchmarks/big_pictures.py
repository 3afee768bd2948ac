"""The cost of large pictures: peak memory, time, and the bytes that independent chunks of rows add.

    python tests/benchmarks/big_pictures.py [--megapixels 100] [--model NAME] [--quality 50] [--effort 0]
        [--picture FILE] [--json FILE]

The picture is FILE, enlarged (or a sample of scikit-image's): enlarging leaves fewer bits per pixel, so the
relative cost of chunks is higher. Encoding and decoding run in separate processes (on Linux). Memory is the peak of the
resident set, and its size before the call: interpreter, libraries, model and, for encoding, the picture's array. For
decoding, the peak includes the decoded picture, 4 bytes per pixel in Pillow.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import skimage.data
from machine import describe_machine
from PIL import Image

from lic.codec.encode.settings import DEFAULT_EFFORT

MEASURE = """
import json, sys, time
import numpy as np
from PIL import Image
from lic import decode, encode, read_info

def peak():
    # Not getrusage: its peak starts with that of the process that started this one.
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024

Image.MAX_IMAGE_PIXELS = None
what, picture, file, model, quality, effort = sys.argv[1:]
model = model or None
decode(encode(np.zeros((512, 2048, 3), np.uint8), model=model))  # what is loaded once; wide enough for several tiles
if what == "encode":
    pixels = np.load(picture)
else:
    data = open(file, "rb").read()
before, start = peak(), time.perf_counter()
if what == "encode":
    data = encode(pixels, quality=float(quality), effort=int(effort), model=model)
else:
    decode(data)
seconds = time.perf_counter() - start
print(json.dumps({"call": what, "peak": round(peak()), "before": round(before), "seconds": round(seconds, 1)}))
open(file, "wb").write(data)
"""


def enlarged(picture: str | None, pixels: float) -> Image.Image:
    image = Image.open(picture).convert("RGB") if picture else Image.fromarray(skimage.data.coffee())
    scale = (pixels / (image.width * image.height)) ** 0.5
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)


def chunk_overhead(image: Image.Image, model: str | None, quality: float) -> tuple[int, int]:
    """Bytes of the latents in chunks of 64 rows, and in a single chunk."""
    from lic.codec.entropy import chunks
    from lic.codec.model.catalogue import find_model
    from lic.codec.transform import core_engine, dependent

    frozen = find_model(model).load()
    point, engine = frozen.at(frozen.position(quality)), core_engine.CoreEngine(frozen)
    usual, found = core_engine.CHUNK_ROWS, []
    for rows in (usual, image.height):  # symbols depend on the chunks that they are coded in
        core_engine.CHUNK_ROWS = dependent.CHUNK_ROWS = rows
        found.append(len(chunks.pack(engine.encode(np.asarray(image), point), point.coder)))
    core_engine.CHUNK_ROWS = dependent.CHUNK_ROWS = usual
    return found[0], found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=100)
    parser.add_argument("--model")
    parser.add_argument("--quality", type=float, default=50)
    parser.add_argument("--effort", type=int, default=DEFAULT_EFFORT)
    parser.add_argument("--picture")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    args = parser.parse_args()
    Image.MAX_IMAGE_PIXELS = None

    for megapixels in (0.4, 12):
        image = enlarged(args.picture, megapixels * 1e6)
        chunks, one = chunk_overhead(image, args.model, args.quality)
        percent = 100 * (chunks / one - 1)
        print(
            f"{image.width} x {image.height}: {chunks:,} bytes in chunks, {one:,} in one: {percent:+.3f} %", flush=True
        )

    with tempfile.TemporaryDirectory() as folder:
        image = enlarged(args.picture, args.megapixels * 1e6)
        print(f"{image.width} x {image.height}:", flush=True)
        np.save(Path(folder, "picture.npy"), np.asarray(image))
        del image
        files = [str(Path(folder, "picture.npy")), str(Path(folder, "picture.lic"))]
        calls = []
        for what in ("encode", "decode"):
            command = [
                sys.executable,
                "-c",
                MEASURE,
                what,
                *files,
                args.model or "",
                str(args.quality),
                str(args.effort),
            ]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            calls.append(call := json.loads(done.stdout))
            print("{call}: peak {peak:,} MiB, {before:,} MiB of it before; {seconds:.0f} s".format(**call), flush=True)
    if args.json:
        what = {"megapixels": args.megapixels, "quality": args.quality, "effort": args.effort}
        args.json.write_text(json.dumps({"machine": describe_machine(), **what, "calls": calls}, indent=1) + "\n")


if __name__ == "__main__":
    main()
