"""Fuzz `decode`, `read_info` and the Pillow plugin, guided by coverage: only our own errors may be raised.

    pip install -e . 'atheris>=3.0,<4'
    python tests/fuzz/fuzz.py corpus/ -max_total_time=7200 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1

Options are libFuzzer's. The folder is filled with small files of every feature first. Half of the inputs have their
checksums repaired (the file's, and those of the PNG in it), to reach the code behind them. The first byte of an input
selects what is done with the rest. A finding is written as `crash-...`; run again with it alone.
"""

import dataclasses
import io
import math
import os
import random
import sys
import warnings
from collections import Counter
from functools import lru_cache
from pathlib import Path

import atheris

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[2]))

from PIL import Image, UnidentifiedImageError

with atheris.instrument_imports(include=["lic.codec"]):
    import lic.codec.decoder
    import lic.codec.model.catalogue
    import lic.codec.picture.alpha
    import lic.codec.picture.reading
    from lic import LicError, decode, read_info
    from lic.codec.file.container import ALPHA, METADATA, STORED, Container, Section, build, parse
    from lic.codec.process import use_threads

from tests.fuzz.repair import with_checksum, with_png_checksums
from tests.fuzz.seeds import GOLDEN, make_seeds

MAX_PIXELS = 20_000  # two chunks of one column still fit
ROUTES = ("read_info", "decode", "decode a region", "Pillow's verify", "Pillow's load")
REPAIR = 8  # the bit of the first byte that asks for it
REPORT_EVERY = 50_000
ends: Counter[str] = Counter()


def run(data: bytes) -> None:
    """Called by the fuzzer; every exception from here except our errors is a finding."""
    if not data:
        return
    route, file = data[0], data[1:]
    if route & REPAIR:
        file = with_checksum(file)
    route = route % REPAIR % len(ROUTES)
    try:
        end = follow(route, file)
    except LicError as error:
        assert str(error) and "\n" not in str(error)
        end = type(error).__name__
    ends[f"{ROUTES[route]}: {end}"] += 1
    if not ends.total() % REPORT_EVERY:
        print(f"after {ends.total():,} executions:", *ends.most_common(), sep="\n  ", file=sys.stderr, flush=True)


def follow(route: int, file: bytes) -> str:
    """Run one input; returns its outcome, unless one of our errors is raised."""
    if route == 0:
        info = read_info(file)
        assert math.isfinite(info.bits_per_pixel) and info.bytes == len(file)
        assert build(parse(file)) == file
    elif route == 1:
        picture, info = decode(file, max_pixels=MAX_PIXELS), read_info(file)
        assert (picture.size, picture.mode) == (info.size, info.mode)
    elif route == 2:
        width, height = read_info(file).size
        region = (width // 3, height // 3, width // 3 + 1, height // 3 + 1)
        assert decode(file, region=region, max_pixels=MAX_PIXELS).size == (1, 1)
    else:
        return by_pillow(file, verify=route == 3)
    return "done"


def by_pillow(file: bytes, verify: bool) -> str:
    try:
        with Image.open(io.BytesIO(file), formats=["LIC"]) as image:
            if verify:
                image.verify()
            else:
                image.load()
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        return type(error).__name__
    except OSError as error:
        assert isinstance(error.__cause__, LicError)
        return f"OSError, {type(error.__cause__).__name__}"
    return "done"


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Change bytes anywhere, or one field of an intact file with the others kept as they are."""
    choice = random.Random(seed)
    if choice.random() < 0.25:
        return atheris.Mutate(data, max_size)
    try:
        file = parse(with_checksum(data[1:]))
    except LicError:
        return atheris.Mutate(data, max_size)
    return (data[:1] + build(change(file, choice, max_size)))[:max_size]


def change(file: Container, choice: random.Random, max_size: int) -> Container:
    field = choice.choice(["width", "height", "mode", "position", "fingerprint", "latents", "sections", "sections"])
    if field in ("width", "height"):
        size = choice.choice([1, 15, 16, 17, choice.randrange(1, 80), choice.randrange(1, 2**14), 2**24 - 1])
        return dataclasses.replace(file, **{field: size})
    if field == "mode":
        return dataclasses.replace(file, mode="L" if file.mode == "RGB" else "RGB")
    if field == "position":
        return dataclasses.replace(file, position=choice.choice([choice.randrange(516), choice.randrange(2**16)]))
    if field == "fingerprint":
        return dataclasses.replace(file, fingerprint=choice.choice(FINGERPRINTS))
    if field == "latents":
        return dataclasses.replace(file, latents=atheris.Mutate(file.latents or b"\0", max_size))
    return dataclasses.replace(file, sections=change_sections(list(file.sections), choice, max_size))


def change_sections(sections: list[Section], choice: random.Random, max_size: int) -> tuple[Section, ...]:
    if not sections or choice.random() < 0.2:
        tag = choice.choice([ALPHA, STORED, *METADATA.values(), b"z", b"Z"])
        sections.append(Section(tag, choice.choice([b"", b"12", *(s.payload for s in sections)])))
    i = choice.randrange(len(sections))
    tag, payload = sections[i]
    payload = atheris.Mutate(payload or b"\0", max_size)
    if choice.random() < 0.1:
        del sections[i]
    else:
        sections[i] = Section(tag, with_png_checksums(payload) if tag == ALPHA else payload)
    return tuple(sections)


def write_corpus(folder: Path) -> None:
    for name, data in make_seeds().items():
        for route in range(len(ROUTES)):
            (folder / f"{name}-{route}").write_bytes(bytes([route | REPAIR]) + data)


if __name__ == "__main__":
    use_threads(1)
    os.environ["LIC_MODELS"] = str(GOLDEN)
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
    # The same models and tables are needed many times: look them up once.
    models = list(lic.codec.model.catalogue.list_models())
    lic.codec.model.catalogue.list_models = lambda: iter(models)
    lic.codec.decoder.FrozenModel.at = lru_cache(2000)(lic.codec.decoder.FrozenModel.at)
    FINGERPRINTS = [*(model.fingerprint for model in models if model.path.is_relative_to(GOLDEN)), b"none"]
    corpus = next((Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")), None)
    if corpus is not None and not corpus.is_file():
        corpus.mkdir(parents=True, exist_ok=True)
        write_corpus(corpus)
    atheris.Setup(sys.argv, run, custom_mutator=mutate)
    atheris.Fuzz()
