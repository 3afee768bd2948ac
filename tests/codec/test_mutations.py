"""Damaged files, the same in each run: each is an error of ours, or a picture of the size that the file says."""

import io
import random
from collections import Counter
from functools import partial

import pytest
from PIL import Image

from lic import LicError, decode, read_info
from lic.codec.model import catalogue
from tests.fuzz.mutations import MUTATIONS, Mutation, edit, flip
from tests.fuzz.repair import with_checksum
from tests.fuzz.seeds import GOLDEN, make_seeds

MAX_PIXELS = 20_000


@pytest.fixture(scope="module")
def seeds() -> list[bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIC_MODELS", str(GOLDEN))
        made = make_seeds()
    # Contexts take several times as long to decode: few of these.
    few = ("alpha", "one-latent", "contexts", "grey-50-golden-contexts")
    return [data for name, data in made.items() if (name in few or "plain" in name) and len(data) < 1000]


def by_pillow(data: bytes) -> Image.Image:
    """Load a file through Pillow; the errors that Pillow may raise become ours."""
    try:
        with Image.open(io.BytesIO(data), formats=["LIC"]) as image:
            image.load()
            return image
    except (OSError, Image.DecompressionBombError) as error:
        raise LicError(str(error)) from error


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [300, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_damaged_files(mutation: Mutation, count: int, seeds: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIC_MODELS", str(GOLDEN))
    models = list(catalogue.list_models())  # looked up once instead of for each file
    monkeypatch.setattr(catalogue, "list_models", lambda: iter(models))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", MAX_PIXELS // 2)
    choice = random.Random(mutation.__name__)
    outcomes: Counter[str] = Counter()
    for i in range(count):
        original = choice.choice(seeds)
        damaged = mutation(original, choice, seeds)
        repair = mutation is not edit and i % 2 == 0
        load = by_pillow if i % 5 == 0 else partial(decode, max_pixels=MAX_PIXELS)
        data = with_checksum(damaged) if repair else damaged
        try:
            picture = load(data)
        except LicError as error:
            outcomes[type(error).__name__] += 1
            continue
        outcomes["decoded"] += 1
        info = read_info(data)
        assert (picture.size, picture.mode) == (info.size, info.mode)
        if not (repair or mutation is edit):
            assert data in seeds, "damage that the checksum did not find"
    assert len(outcomes) >= 4  # the test reaches the checks
    if mutation in (flip, edit):  # the others change lengths
        assert outcomes["decoded"] > count / 10  # and the code after them
