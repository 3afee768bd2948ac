"""Memory growth: thousands of encodes of pictures of mixed sizes in one process (on Linux).

    python tests/benchmarks/memory.py [--count 2000] [--largest 400] [--model NAME] [--decode] [--json FILE]

Each picture has a random size from 1 x 1 to LARGEST x LARGEST, and is a part of a sample of scikit-image's. The
resident set is printed, and its peak.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import skimage.data
from machine import describe_machine

from lic import decode, encode


def mebibytes(what: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{what}:")[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--largest", type=int, default=400)
    parser.add_argument("--model")
    parser.add_argument("--decode", action="store_true", help="decode each file, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    args = parser.parse_args()

    sample, rng = skimage.data.coffee(), np.random.default_rng(0)
    moments = {round(args.count * share) for share in (0.05, 0.25, 0.5, 0.75, 1)}
    resident = {}
    for i in range(1, args.count + 1):
        height, width = rng.integers(1, args.largest + 1, 2)
        data = encode(sample[:height, :width], quality=rng.uniform(1, 100), model=args.model)
        if args.decode:
            decode(data)
        if i in moments:
            resident[i] = round(mebibytes("VmRSS"))
            print(f"{i:5,} pictures: {resident[i]:,} MiB, at the peak {mebibytes('VmHWM'):,.0f} MiB", flush=True)
    if args.json:
        content = {"machine": describe_machine(), "largest": args.largest, "decode": args.decode, "resident": resident}
        args.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
