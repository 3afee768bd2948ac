"""A short run of every target with other damaged files each time; fuzz.py makes long runs, guided by coverage.

LIC_FUZZ_SEED repeats a run, and LIC_FUZZ_RUNS makes longer ones.
"""

import os
import random
import warnings
from collections import Counter

import pytest
from PIL import Image

from lic.codec.model import catalogue
from tests.fuzz.mutations import MUTATIONS, edit, edit_model
from tests.fuzz.repair import with_checksum, with_png_checksums
from tests.fuzz.seeds import GOLDEN, make_pictures, make_seeds
from tests.fuzz.targets import MAX_PIXELS, TARGETS, outcome, with_digests

RUNS = int(os.environ.get("LIC_FUZZ_RUNS", 200))
SEED = os.environ.get("LIC_FUZZ_SEED") or str(random.SystemRandom().randrange(2**32))


@pytest.fixture(scope="module")
def corpora() -> dict[str, list[bytes]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIC_MODELS", str(GOLDEN))
        files = [data for data in make_seeds().values() if len(data) < 1100]
    models = [path.read_bytes() for path in sorted(GOLDEN.glob("*.safetensors"))]
    return dict.fromkeys(TARGETS, files) | {"model": models, "picture": [*make_pictures().values()]}


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_meets_only_our_errors(
    name: str, corpora: dict[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"LIC_FUZZ_SEED={SEED}")  # shown if the test fails
    choice = random.Random(f"{SEED} {name}")
    monkeypatch.setenv("LIC_MODELS", str(GOLDEN))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", MAX_PIXELS // 2)
    known = list(catalogue.list_models())
    monkeypatch.setattr(catalogue, "list_models", lambda: iter(known))
    repair = {"model": with_digests, "picture": with_png_checksums}.get(name, with_checksum)
    mutations = MUTATIONS[:-1] + [{"model": edit_model, "picture": MUTATIONS[0]}.get(name, edit)] * 4
    outcomes: Counter[str] = Counter()
    for _ in range(RUNS):
        damaged = choice.choice(mutations)(choice.choice(corpora[name]), choice, corpora[name])
        data = repair(damaged) if choice.random() < 0.8 else damaged
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcomes[outcome(TARGETS[name], data)] += 1
    assert len(outcomes) > 1
