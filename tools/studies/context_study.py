"""The effect of each choice in the context tables: ideal bits on held-out pictures.

    python -m lic.tools.studies.context_study RUN --data train/ --valid valid/

For each recipe, contexts are fitted on latents of training pictures, and the code length under the resulting integer
tables is measured on the validation pictures, at every lambda point. The last rows show what adapting to each picture
would save beyond the shipped recipe: a factor on all expected magnitudes, chosen with hindsight and charged with log2
of the number of choices, for each picture, each of its channels, or each region of 8x8 latents.
"""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lic.codec.entropy.coder import make_coder
from lic.codec.entropy.contexts import FEATURES, Contexts, PointContexts
from lic.codec.entropy.walk import Symbols
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.tiled import analyse
from lic.codec.transform.torch_network import freeze
from lic.models.constants import DOWNSAMPLING
from lic.tools.fitting.context_fit import Recipe, fit_contexts
from lic.tools.fitting.latents import latent_chunks, second_look_chunks, sort_latents, square_crops
from lic.tools.training.pictures import load_pictures
from lic.tools.training.rate_distortion import best_checkpoint, read_run

CONSTANT, PLACE, AROUND, INSIDE = (0,), (1, 2, 3), (4, 5, 6), (7,)
RECIPES = {
    "as shipped": Recipe(),
    "buckets per octave: 1": Recipe(per_octave=1),
    "buckets per octave: 2": Recipe(per_octave=2),
    "buckets per octave: 8": Recipe(per_octave=8),
    "library of 64 tables": Recipe(library=64),
    "library of 256 tables": Recipe(library=256),
    "descent of 50 steps": Recipe(steps=50),
    "no prediction of values": Recipe(predict=False),
    "without the earlier blocks": Recipe(earlier=False),
    "no contexts but the channel": Recipe(features=CONSTANT, predict=False, earlier=False),
    "neighbours in the channel only": Recipe(features=CONSTANT + INSIDE, predict=False, earlier=False),
    "channels before, sums at the place only": Recipe(features=CONSTANT + PLACE, predict=False, earlier=False),
    "channels before, sums there and around": Recipe(features=CONSTANT + PLACE + AROUND, predict=False, earlier=False),
    "without the sum that forgets a half": Recipe(features=tuple(i for i in range(FEATURES) if i not in (1, 4))),
    "without the sum that forgets an eighth": Recipe(features=tuple(i for i in range(FEATURES) if i not in (2, 5))),
    "without the sum that forgets nothing": Recipe(features=tuple(i for i in range(FEATURES) if i not in (3, 6))),
}


def bits_per_pixel(model: FrozenModel, symbols: Sequence[Symbols], position: int) -> float:
    """Mean over pictures of the ideal rate."""
    coder = model.at(position).coder
    rates = [coder.bits(s).sum() / (DOWNSAMPLING**2 * s[0].size) for s in symbols]
    return float(np.mean(rates))


FACTORS = tuple(2.0 ** (i / 4) for i in range(-2, 3))  # of the expected magnitudes
REGION = 8


def adapted_bits_per_pixel(model: FrozenModel, symbols: Sequence[Symbols], position: int) -> dict[str, float]:
    """Mean over pictures of the ideal rate with a chosen factor per picture, channel or region."""
    assert isinstance(model.entropy, Contexts)
    tables, point = model.entropy.tables, model.entropy.at(position)
    assert isinstance(point, PointContexts)
    coders = [
        make_coder(tables, point._replace(thresholds=np.round(point.thresholds / factor).astype(np.int64)))
        for factor in FACTORS
    ]
    rates: dict[str, list[float]] = {"picture": [], "channel": [], "region": []}
    for s in symbols:
        bits = np.stack([coder.bits(s) for coder in coders])
        rows, columns = (np.arange(0, side, REGION) for side in s.shape[1:])
        regions = np.add.reduceat(np.add.reduceat(bits.sum(axis=1), rows, axis=1), columns, axis=2)
        channels = bits.sum(axis=(2, 3))
        for reach, parts in {
            "picture": bits.sum(axis=(1, 2, 3))[:, None],
            "channel": channels[:, channels.any(axis=0)],
            "region": regions.reshape(len(FACTORS), -1),
        }.items():
            total = parts.min(axis=0).sum() + parts.shape[1] * np.log2(len(FACTORS))
            rates[reach].append(total / (DOWNSAMPLING**2 * s[0].size))
    return {reach: float(np.mean(values)) for reach, values in rates.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        prog="python -m lic.tools.studies.context_study",
    )
    parser.add_argument("run", type=Path, help="folder of a run, or one of its checkpoints")
    parser.add_argument("--data", nargs="+", required=True, help="pictures to fit on")
    parser.add_argument("--valid", nargs="+", required=True, help="pictures to measure on")
    parser.add_argument("--points", type=int, nargs="+", help="lambda points, from 0; all if not given")
    args = parser.parse_args()

    network, info = read_run(best_checkpoint(args.run))
    crops = square_crops(args.data, info["config"]["crop"])
    first = sort_latents(network, latent_chunks(network, crops))
    second = second_look_chunks(network, crops, first) if network.shares.any() else None
    plain = freeze(network, {"name": "study"})
    if args.points:
        lambdas = [plain.lambdas[k] for k in args.points]
        plain = dataclasses.replace(
            plain,
            steps=plain.steps[args.points],
            restore=plain.restore[args.points],
            card=plain.card | {"lambdas": lambdas, "second_look": [plain.card["second_look"][k] for k in args.points]},
        )
    positions = [plain.position_of_lambda(lambda_) for lambda_ in plain.lambdas]
    pictures = [p.permute(1, 2, 0).numpy() for p in load_pictures(args.valid, DOWNSAMPLING)]
    symbols = {
        p: [plain.at(p).quantise(analyse(picture, plain, plain.at(p))) for picture in pictures]
        for p in tqdm(positions, desc="analysis", disable=None)
    }

    base = {p: bits_per_pixel(plain, symbols[p], p) for p in positions}
    print(f"{'lambda':<46}" + "".join(f"{lambda_:>9g}" for lambda_ in plain.lambdas) + "     mean")
    print(f"{'one table per channel, bit/pixel':<46}" + "".join(f"{base[p]:9.4f}" for p in positions))

    def report(name: str, rates: list[float]) -> None:
        saved = [100 * (rate / base[p] - 1) for rate, p in zip(rates, positions, strict=True)]
        print(f"{name + ', %':<46}" + "".join(f"{s:9.2f}" for s in [*saved, float(np.mean(saved))]), flush=True)

    models = {}
    for name, recipe in RECIPES.items():
        models[name] = dataclasses.replace(plain, entropy=fit_contexts(plain, first, recipe, second))
        report(name, [bits_per_pixel(models[name], symbols[p], p) for p in positions])
    adapted = [adapted_bits_per_pixel(models["as shipped"], symbols[p], p) for p in positions]
    for reach in adapted[0]:
        report(f"as shipped, with a factor for each {reach}", [rates[reach] for rates in adapted])


if __name__ == "__main__":
    main()
