"""Whole-call speed against CompressAI's factorised model, in one run, for ratios that depend little on the machine.

    python tests/benchmarks/against_compressai.py --compressai PYTHON [--picture FILE] [--quality 50] [--threads 2]
        [--json FILE]

CompressAI 1.2.8 needs numpy < 2, hence an environment of its own, whose interpreter is PYTHON:

    python -m venv other && other/bin/pip install torch==2.13.0 'numpy<2' compressai==1.2.8

Both sides get the same 768x512 picture and number of threads, and take turns. A call is the whole way from pixels to
bytes and back; `bmshj2018-factorized` has N = 128, M = 192 (quality 3) and random weights, which does not change its
work.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import skimage.data
from machine import describe_machine
from PIL import Image

OURS = """
import sys, time, numpy as np
from PIL import Image
from lic import decode, encode
from lic.codec.threads import use_threads
use_threads(int(sys.argv[4]))
pixels = np.array(Image.open(sys.argv[1]).convert("RGB"))
model, quality = sys.argv[2] or None, float(sys.argv[3])
for _ in sys.stdin:
    a = time.perf_counter()
    data = encode(pixels, quality=quality, model=model)
    b = time.perf_counter()
    decode(data, model=model)
    c = time.perf_counter()
    print(b - a, c - b, 8 * len(data) / pixels[..., 0].size, flush=True)
"""

THEIRS = """
import sys, time, torch, numpy as np
from PIL import Image
library = torch.library.Library("torchvision", "DEF")  # operators that its torchvision wheel lacks
library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
torch.set_num_threads(int(sys.argv[2]))
from compressai.zoo import image_models
net = image_models["bmshj2018-factorized"](quality=3, pretrained=False).eval()
net.update(force=True)
pixels = np.array(Image.open(sys.argv[1]).convert("RGB"))
with torch.inference_mode():
    for _ in sys.stdin:
        a = time.perf_counter()
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        out = net.compress(x)
        b = time.perf_counter()
        y = net.decompress(out["strings"], out["shape"])["x_hat"]
        Image.fromarray((y[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy())
        c = time.perf_counter()
        print(b - a, c - b, 8 * len(out["strings"][0][0]) / pixels[..., 0].size, flush=True)
"""


def start(python: str, code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [python, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def turn(worker: "subprocess.Popen[str]") -> list[float]:
    assert worker.stdin and worker.stdout
    worker.stdin.write("go\n")
    worker.stdin.flush()
    line = worker.stdout.readline()
    if not line:
        sys.exit("a worker ended: see its message above")
    return [float(value) for value in line.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compressai", required=True, metavar="PYTHON", help="interpreter that has compressai")
    parser.add_argument("--picture", help="a 768x512 picture; scikit-image's coffee, enlarged, if not given")
    parser.add_argument("--model", default="", help="name or path of a model of ours")
    parser.add_argument("--quality", default="50")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        picture = args.picture or str(Path(folder, "picture.png"))
        if not args.picture:
            Image.fromarray(skimage.data.coffee()).resize((768, 512), Image.Resampling.LANCZOS).save(picture)
        ours = start(sys.executable, OURS, picture, args.model, args.quality, str(args.threads))
        theirs = start(args.compressai, THEIRS, picture, str(args.threads))
        for _ in range(3):  # warm-up
            turn(ours), turn(theirs)
        pairs = np.array([(turn(ours), turn(theirs)) for _ in range(args.rounds)])
        ours.kill(), theirs.kill()
    rate = f"lic at {pairs[0, 0, 2]:.3f} bit/pixel"
    print(f"picture {args.picture or 'coffee'}, {rate}, {args.rounds} rounds, {args.threads} threads")
    figures = {}
    for name, column in (("encode", 0), ("decode", 1)):
        a, b = 1000 * pairs[:, 0, column], 1000 * pairs[:, 1, column]
        figures[name] = {
            "lic": round(statistics.median(a)),
            "CompressAI": round(statistics.median(b)),
            "ratio": [round(float(value), 2) for value in (statistics.median(b / a), min(b / a), max(b / a))],
        }
        ratio = "ratio {:.1f} (from {:.1f} to {:.1f})".format(*figures[name]["ratio"])
        print(f"{name}: lic {figures[name]['lic']} ms, CompressAI {figures[name]['CompressAI']} ms (medians); {ratio}")
    if args.json:
        content = {
            "machine": describe_machine(),
            "rounds": args.rounds,
            "threads": args.threads,
            "bits per pixel": pairs[0, 0, 2],
            **figures,
        }
        args.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
