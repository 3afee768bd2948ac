"""The scale of qualities of a model, on which its files are about as large as those of another model.

python tests/benchmarks/tunings.py PICTURES [--model photo-ms-ssim] [--like photo]

Prints the quality of each lambda point of --model at which --like makes files of the same size (geometric means over
the pictures), for `lic export --qualities`, and the ratio of sizes at some qualities, by the scale in use.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from lic.codec.encode.targets import Tries
from lic.codec.file.container import POSITIONS
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.picture.reading import Picture, read_image
from lic.tools.files import find_pictures

QUALITIES = (10, 30, 50, 70, 85)


def log_sizes(pictures: list[Picture], model: FrozenModel, positions: list[int]) -> NDArray[np.float64]:
    """The mean logarithm of the sizes of files, at each position."""
    tries = [Tries(picture, model, 0) for picture in pictures]
    return np.array([np.mean([np.log(len(one.file(position))) for one in tries]) for position in positions])


def scale_like(pictures: list[Picture], model: FrozenModel, other: FrozenModel) -> list[float]:
    """The quality of `other` with files of the same size, at each lambda point of `model`; beyond 1 to 100, too."""
    ours, theirs = (
        log_sizes(pictures, one, [k * POSITIONS for k in range(len(one.lambdas))]) for one in (model, other)
    )
    scale = np.interp(ours, theirs, other.scale)
    for outside, (near, far) in ((ours < theirs[0], (0, 1)), (ours > theirs[-1], (-1, -2))):
        slope = (other.scale[far] - other.scale[near]) / (theirs[far] - theirs[near])
        scale[outside] = other.scale[near] + slope * (ours[outside] - theirs[near])
    return [round(float(quality), 1) for quality in scale]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--model", default="photo-ms-ssim")
    parser.add_argument("--like", default="photo")
    args = parser.parse_args()
    model, other = find_model(args.model).load(), find_model(args.like).load()
    pictures = [read_image(name) for name in find_pictures(args.pictures)]
    scale = scale_like(pictures, model, other)
    print(f"qualities of {model.name}'s lambda points: {scale}")
    for quality in QUALITIES:
        sizes = [log_sizes(pictures, one, [one.position(quality)])[0] for one in (model, other)]
        print(f"quality {quality}: {np.exp(sizes[0] - sizes[1]):.3f} times as large as {other.name}")


if __name__ == "__main__":
    main()
