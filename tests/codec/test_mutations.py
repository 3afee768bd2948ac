"""20,000 damaged files, the same in each run: an error of ours, or a picture of the size that the file says."""

import dataclasses
import io
import random
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from PIL import Image

from lic import LicError, decode, read_info
from lic.codec.file.container import ALPHA, METADATA, STORED, Container, Section, build, parse
from lic.codec.model import catalogue
from tests.fuzz.repair import with_checksum, with_png_checksums
from tests.fuzz.seeds import GOLDEN, make_seeds

Mutation = Callable[[bytes, random.Random, list[bytes]], bytes]
EACH = 4000
MAX_PIXELS = 20_000


@pytest.fixture(scope="module")
def seeds() -> list[bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIC_MODELS", str(GOLDEN))
        made = make_seeds()
    # Contexts take several times as long to decode: few of these.
    few = ("alpha", "one-pixel", "contexts", "grey-50-golden-contexts")
    return [data for name, data in made.items() if (name in few or "plain" in name) and len(data) < 1000]


def flip(data: bytes, choice: random.Random, _others: list[bytes]) -> bytes:
    out = bytearray(data)
    for at in choice.sample(range(8 * len(data)), choice.choice([1, 1, 2, 8])):
        out[at // 8] ^= 1 << at % 8
    return bytes(out)


def cut(data: bytes, choice: random.Random, _others: list[bytes]) -> bytes:
    start = choice.randrange(len(data))
    stop = choice.choice([len(data), choice.randint(start + 1, len(data))])
    return data[:start] + data[stop:]


def insert(data: bytes, choice: random.Random, _others: list[bytes]) -> bytes:
    at = choice.randint(0, len(data))
    return data[:at] + choice.choice([bytes(9), b"\xff", choice.randbytes(choice.randint(1, 40))]) + data[at:]


def splice(data: bytes, choice: random.Random, others: list[bytes]) -> bytes:
    other = choice.choice(others)
    return data[: choice.randint(0, len(data))] + other[choice.randint(0, len(other)) :]


def edit(data: bytes, choice: random.Random, others: list[bytes]) -> bytes:
    """A well-formed file with one field changed."""
    file, other = parse(data), parse(choice.choice(others))
    size = choice.choice([1, 16, 17, 1025, 2**24 - 1, choice.randrange(1, 200)])
    latents = mutate_any(file.latents + bytes(4), choice, others)
    edits: list[dict[str, object]] = [
        {"width": size},
        {"height": size},
        {"mode": other.mode},
        {"position": choice.randrange(choice.choice([513, 2**16]))},
        {"fingerprint": choice.choice([other.fingerprint, choice.randbytes(4)])},
        {"latents": choice.choice([latents, other.latents, choice.randbytes(choice.randrange(60))])},
        {"sections": edit_sections(file, other, choice, others)},
    ]
    return build(dataclasses.replace(file, **choice.choice(edits)))  # type: ignore[arg-type]


def edit_sections(file: Container, other: Container, choice: random.Random, others: list[bytes]) -> tuple[Section, ...]:
    sections = [*file.sections, *choice.sample(other.sections, min(1, len(other.sections)))]
    if not sections or choice.random() < 0.2:
        tag = choice.choice([ALPHA, STORED, *METADATA.values(), b"q", b"Q", b"\0"])
        sections.append(Section(tag, choice.randbytes(choice.randrange(9))))
    i = choice.randrange(len(sections))
    payload = mutate_any(sections[i].payload + b"\0", choice, others)
    sections[i] = Section(sections[i].tag, choice.choice([payload, with_png_checksums(payload)]))
    return tuple(sections)


def mutate_any(data: bytes, choice: random.Random, others: list[bytes]) -> bytes:
    return choice.choice(MUTATIONS[:4])(data, choice, others)


MUTATIONS: list[Mutation] = [flip, cut, insert, splice, edit]


def by_pillow(data: bytes) -> Image.Image:
    """Load a file through Pillow; the errors that Pillow may raise become ours."""
    try:
        with Image.open(io.BytesIO(data), formats=["LIC"]) as image:
            image.load()
            return image
    except (OSError, Image.DecompressionBombError) as error:
        raise LicError(str(error)) from error


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_damaged_files(mutation: Mutation, seeds: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIC_MODELS", str(GOLDEN))
    models = list(catalogue.list_models())  # looked up once instead of 20,000 times
    monkeypatch.setattr(catalogue, "list_models", lambda: iter(models))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", MAX_PIXELS // 2)
    choice = random.Random(mutation.__name__)
    outcomes: Counter[str] = Counter()
    for i in range(EACH):
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
        assert outcomes["decoded"] > EACH / 10  # and the code after them
