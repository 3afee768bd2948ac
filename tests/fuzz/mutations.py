"""Ways to damage a file, by chance: bits and parts of any file, fields of a .lic file, arrays and cards of models."""

import dataclasses
import json
import random
from collections.abc import Callable

import numpy as np

from lic.codec.file.container import ALPHA, METADATA, NOTES, STORED, Container, Section, build, parse
from lic.codec.model.header import CARD
from lic.codec.model.tensor_file import read_arrays, to_bytes
from tests.fuzz.repair import with_png_checksums
from tests.fuzz.targets import scratch

Mutation = Callable[[bytes, random.Random, list[bytes]], bytes]
ODD = (None, True, -1, 0, 1, 2.5, 10**400, "", "x", [], [[]], {}, ["a"], [1e308] * 3, 2**63, "\ud800", [1, 2, 3])


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
        tag = choice.choice([ALPHA, STORED, *METADATA.values(), *NOTES.values(), b"q", b"Q", b"\0"])
        sections.append(Section(tag, choice.randbytes(choice.randrange(9))))
    i = choice.randrange(len(sections))
    payload = mutate_any(sections[i].payload + b"\0", choice, others)
    sections[i] = Section(sections[i].tag, choice.choice([payload, with_png_checksums(payload)]))
    return tuple(sections)


def mutate_any(data: bytes, choice: random.Random, others: list[bytes]) -> bytes:
    return choice.choice(MUTATIONS[:4])(data, choice, others)


MUTATIONS: list[Mutation] = [flip, cut, insert, splice, edit]


def edit_model(data: bytes, choice: random.Random, _others: list[bytes]) -> bytes:
    """A well-formed model file with one number or one entry of its card changed."""
    scratch().write_bytes(data)
    arrays = {name: array.copy() for name, array in read_arrays(scratch()).items()}
    length = int.from_bytes(data[:8], "little")
    card = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][CARD])
    if choice.random() < 0.3:
        card[choice.choice([*card, "second_look", "entropy"])] = choice.choice(ODD)
    else:
        array = arrays[choice.choice([*arrays])]
        limits = np.iinfo(array.dtype) if array.dtype.kind in "iu" else np.finfo(array.dtype)
        odd = [0, 1, limits.min, limits.max] + ([np.nan, np.inf] if array.dtype.kind == "f" else [])
        if array.size:
            array.reshape(-1)[choice.randrange(array.size)] = choice.choice(odd)
    return to_bytes(arrays, {CARD: json.dumps(card)})
