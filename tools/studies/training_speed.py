"""Training speed: `python -m lic.tools.studies.training_speed` trains on noise and prints patches per second.

python -m lic.tools.studies.training_speed                      N = 128, M = 320, patches of 256x256, bf16 against fp32
python -m lic.tools.studies.training_speed --device cuda --batch 32 --steps 500
"""

import argparse
import json
import tempfile
from pathlib import Path

import torch
from PIL import Image

from lic.tools.training.loop import TrainConfig, train
from lic.tools.training.progress import LOG, LOG_STEPS
from lic.tools.training.rate_distortion import RateDistortion


def patches_per_second(objective: RateDistortion, **settings: object) -> float:
    """The speed of `lic train`, including data loading, from its log."""
    with tempfile.TemporaryDirectory() as folder:
        pixels = torch.randint(256, (512, 512, 3), dtype=torch.uint8).numpy()
        Image.fromarray(pixels).save(Path(folder, "noise.png"))
        train(objective, TrainConfig(data=(folder,), output=folder, **settings))  # type: ignore[arg-type]
        last = Path(folder, LOG).read_text(encoding="utf-8").splitlines()[-1]
    return float(json.loads(last)["patches_per_s"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        prog="python -m lic.tools.studies.training_speed",
    )
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--latents", type=int, default=320)
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=2 * LOG_STEPS, help=f"the last {LOG_STEPS} are measured")
    parser.add_argument("--device", default="auto")
    args = vars(parser.parse_args())
    objective = RateDistortion(n=args.pop("channels"), m=args.pop("latents"))
    for precision in ("bf16", "fp32"):
        speed = patches_per_second(objective, precision=precision, **args)
        print(f"{precision}  {speed:.1f} patches of {args['crop']}x{args['crop']} per second")


if __name__ == "__main__":
    main()
