"""Fuzz a target, guided by coverage: only our own errors may be raised.

    pip install -e . 'atheris>=3.0,<4'
    python tests/fuzz/fuzz.py decode corpus/ -max_total_time=7200 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1

The first word is a target of targets.py, each of which needs a corpus of its own; options are libFuzzer's. The folder
is filled with small files of every feature first. Where the first byte of an input is odd, the checksums of the rest
are repaired, to reach the code behind them. A finding is written as `crash-...`; run again with it alone.
"""

import dataclasses
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

from PIL import Image

with atheris.instrument_imports(include=["lic.codec", "lic.tools.batch.picture_files", "PIL"]):
    import lic.codec.decoder
    import lic.codec.model.catalogue
    from lic import LicError
    from lic.codec.file.container import ALPHA, METADATA, NOTES, STORED, WEBP, Container, Section, build, parse
    from lic.codec.model.frozen import FrozenModel
    from lic.codec.threads import use_threads
    from tests.fuzz.targets import MAX_PIXELS, TARGETS, outcome, with_digests

from tests.fuzz.repair import with_checksum, with_png_checksums
from tests.fuzz.seeds import GOLDEN, make_pictures, make_seeds

REPORT_EVERY = 50_000
REPAIRS = {"model": with_digests, "picture": with_png_checksums}  # of the other targets, a .lic file's checksum
ends: Counter[str] = Counter()
target = ""


def run(data: bytes) -> None:
    """Called by the fuzzer; every exception from here is a finding."""
    if not data:
        return
    file = REPAIRS.get(target, with_checksum)(data[1:]) if data[0] % 2 else data[1:]
    ends[outcome(TARGETS[target], file)] += 1
    if not ends.total() % REPORT_EVERY:
        print(f"after {ends.total():,} executions:", *ends.most_common(), sep="\n  ", file=sys.stderr, flush=True)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Change bytes anywhere, or one field of an intact .lic file with the others kept as they are."""
    choice = random.Random(seed)
    if target in REPAIRS or choice.random() < 0.25:
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
        tag = choice.choice([ALPHA, STORED, WEBP, *METADATA.values(), *NOTES.values(), b"z", b"Z"])
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
    folder.mkdir(parents=True, exist_ok=True)
    models = {path.stem: path.read_bytes() for path in GOLDEN.glob("*.safetensors")}
    for name, data in {"model": models, "picture": make_pictures()}.get(target, make_seeds()).items():
        (folder / name).write_bytes(b"\1" + data)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"name a target: {', '.join(TARGETS)}")
    target = sys.argv.pop(1)
    use_threads(1)
    os.environ["LIC_MODELS"] = str(GOLDEN)
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
    # The same models and tables are needed many times: look them up once.
    models = list(lic.codec.model.catalogue.list_models())
    lic.codec.model.catalogue.list_models = lambda: iter(models)
    if target != "model":
        FrozenModel.at = lru_cache(2000)(FrozenModel.at)
    FINGERPRINTS = [*(model.fingerprint for model in models if model.path.is_relative_to(GOLDEN)), b"none"]
    corpus = next((Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")), None)
    if corpus is not None and not corpus.is_file():
        write_corpus(corpus)
    atheris.Setup(sys.argv, run, custom_mutator=mutate)
    atheris.Fuzz()
