"""A second decoder, written from FORMAT.md alone in plain Python, finds the same latents, and those of its example."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import lic
from lic.codec.decoder import read_symbols
from lic.codec.entropy.coder import make_coder
from lic.codec.entropy.contexts import PointContexts, earlier_size
from lic.codec.entropy.library import Contexts
from lic.codec.entropy.tables import MAX_HEIGHT, Tables, frequency_tables
from lic.codec.file.container import Container, Reader, Section, parse
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.numpy_engine import NumpyEngine
from lic.codec.transform.restoration import restore
from lic.models.constants import CONTEXT_BLOCK, FEATURES, KNOTS

GOLDEN = Path(__file__).parents[2] / "conformance"
PAGE = Path(__file__).parents[2] / "codec" / "FORMAT.md"
STORED = set(GOLDEN.glob("stored*.lic"))  # no latents
MASK = 2**64 - 1
STRAIGHT = [(-1, 0), (1, 0), (0, -1), (0, 1)]
DIAGONAL = [(-1, -1), (-1, 1), (1, -1), (1, 1)]
Grid = list[list[int]]


class RangeDecoder:
    def __init__(self, data: bytes) -> None:
        data += b"\xff" * 4
        data += b"\xff" * (-len(data) % 4)
        self.words = list(struct.unpack(f">{len(data) // 4}I", data))
        self.lower, self.range = 0, MASK
        self.point = self.word() << 32 | self.word()

    def word(self) -> int:
        return self.words.pop(0) if self.words else 0

    def decode(self, frequencies: list[int]) -> int:
        scale = self.range >> 24
        quantile = ((self.point - self.lower) & MASK) // scale
        assert quantile < 2**24
        below = i = 0
        while quantile >= below + frequencies[i]:
            below += frequencies[i]
            i += 1
        self.lower = (self.lower + scale * below) & MASK
        self.range = scale * frequencies[i]
        if self.range < 2**32:
            self.lower, self.range = self.lower << 32 & MASK, self.range << 32
            self.point = (self.point << 32 & MASK) + self.word()
        return i

    def uniform(self, size: int) -> int:
        each = 2**24 // size
        return self.decode([each] * (size - 1) + [2**24 - each * (size - 1)])

    def escaped(self) -> int:
        bits = self.uniform(32)
        rest = sum(self.uniform(2 ** min(16, bits - at)) << at for at in range(0, bits, 16))
        z = (1 << bits) + rest - 1
        return z // 2 if z % 2 == 0 else -(z + 1) // 2


def neighbours(grid: Grid, y: int, x: int, offsets: list[tuple[int, int]]) -> list[int]:
    rows, columns = len(grid), len(grid[0])
    out = []
    for dy, dx in offsets:
        ny, nx = y + dy, x + dx
        ny = 1 if ny == -1 else rows - 2 if ny == rows else ny
        nx = 1 if nx == -1 else columns - 2 if nx == columns else nx
        out.append(grid[ny][nx] if 0 <= ny < rows and 0 <= nx < columns else 0)
    return out


Point = PointContexts | None


def pass_of(point: Point, c: int, y: int, x: int) -> int:
    """The number of the pass that a latent of channel c belongs to."""
    return 0 if point is None else (((0, 2), (3, 1))[y % 2][x % 2] - c) % 4


def decode_chunk(
    data: bytes, shape: tuple[int, int, int], tables: Tables, point: Point, transitions: Grid | None = None
) -> np.ndarray:
    channels, rows, columns = shape
    coder = RangeDecoder(data)
    latents = [[[0] * columns for _ in range(rows)] for _ in range(channels)]
    sums = [[[0] * columns for _ in range(rows)] for _ in range(3)]
    magnitudes: list[Grid] = []
    states = [0] * 4
    for c in range(coder.uniform(channels + 1)):
        grid = latents[c] if transitions is None else [[0] * columns for _ in range(rows)]  # what the contexts count
        for number in range(4):
            chosen: dict[int, list[tuple[int, int]]] = {}
            for y in range(rows):
                for x in range(columns):
                    if number != pass_of(point, c, y, x):
                        continue
                    if point is None:
                        chosen.setdefault(c, []).append((y, x))
                        continue
                    w = point.weights[c, number].tolist()
                    estimate = 256 * w[0]
                    for weight, offsets in ((w[7], STRAIGHT), (w[8], DIAGONAL)):  # what is not decoded yet is 0 here
                        estimate += 256 * weight * sum(min(abs(v), 15) for v in neighbours(grid, y, x, offsets))
                    for i in range(3):
                        estimate += w[1 + i] * sums[i][y][x] + w[4 + i] * sum(neighbours(sums[i], y, x, STRAIGHT))
                    if c >= 8 and point.earlier is not None:
                        start = c // 8 * 8
                        size = min(8, channels - start)
                        row = 2 * start * (start - 8) + (number * size + c - start) * start
                        for d in range(start):
                            estimate += 256 * int(point.earlier[row + d]) * magnitudes[d][y][x]
                    bucket = sum(t <= estimate for t in point.thresholds.tolist())
                    chosen.setdefault(int(point.tables[c, number, bucket]), []).append((y, x))
            escapes = []
            if transitions is not None:
                for y, x, t in sorted((y, x, t) for t, places in chosen.items() for y, x in places):
                    q = states[number] & 1
                    t += q * len(tables.first) // 2
                    entry = coder.decode(tables.row(t).tolist())
                    k = coder.escaped() if entry == tables.size[t] - 1 else int(tables.first[t]) + entry
                    grid[y][x], latents[c][y][x] = k, 2 * k - q * int(np.sign(k))
                    states[number] = transitions[states[number]][k & 1]
                continue
            for t in sorted(chosen):
                frequencies = tables.row(t).tolist()
                for y, x in chosen[t]:
                    entry = coder.decode(frequencies)
                    if entry == len(frequencies) - 1:
                        escapes.append((y, x))
                    else:
                        grid[y][x] = int(tables.first[t]) + entry
            for y, x in escapes:
                grid[y][x] = coder.escaped()
        magnitudes.append([[0] * columns for _ in range(rows)])
        for y in range(rows):
            for x in range(columns):
                magnitudes[c][y][x] = min(abs(grid[y][x]), 15)
                if point is not None and c < 8 and pass_of(point, c, y, x) == 0:
                    magnitudes[c][y][x] = sum(min(abs(v), 15) for v in neighbours(grid, y, x, STRAIGHT)) >> 2
                m = 256 * magnitudes[c][y][x]
                f0, f1, f2 = (f[y][x] for f in sums)
                sums[0][y][x], sums[1][y][x], sums[2][y][x] = f0 - (f0 >> 1) + m, f1 - (f1 >> 3) + m, f2 + m
    return np.array(latents)


def decode_file(file: Container, model: FrozenModel) -> np.ndarray:
    entropy, point, transitions = model.entropy, None, None
    if isinstance(entropy, Contexts):
        transitions = None if entropy.states is None else entropy.states.tolist()
        tables, k = entropy.tables, (file.position + 224) // 256
        point = entropy.at(file.position)._replace(earlier=scaled_weights(model, k))
    else:
        tables = frequency_tables(model.heights, model.at(file.position).steps, np.array(KNOTS))
    rows, columns = -(-file.height // 16), -(-file.width // 16)
    heights = [min(64, rows - start) for start in range(0, rows, 64)]
    reader = Reader(file.latents)
    lengths = [reader.varint() for _ in heights[:-1]]
    lengths.append(len(file.latents) - reader.at - sum(lengths))
    chunks = [
        decode_chunk(reader.take(length), (model.channels, height, columns), tables, point, transitions)
        for height, length in zip(heights, lengths, strict=True)
    ]
    return np.concatenate(chunks, axis=1)


def scaled_weights(model: FrozenModel, k: int) -> np.ndarray:
    """The packed weights of earlier magnitudes, which a model stores as bytes and scales."""
    entropy = model.entropy
    assert isinstance(entropy, Contexts)
    products = []
    for start in range(8, model.channels, 8):
        for number in range(4):
            for c in range(start, min(start + 8, model.channels)):
                for _ in range(start):
                    products.append(int(entropy.earlier[k, len(products)]) * int(entropy.scales[k, c, number]))
    return np.array(products)


@pytest.mark.parametrize("path", sorted(set(GOLDEN.glob("*.lic")) - STORED), ids=lambda path: path.stem)
def test_golden_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIC_MODELS", str(GOLDEN))
    file = parse(path.read_bytes())
    model = find_model(fingerprint=file.fingerprint).load()
    np.testing.assert_array_equal(decode_file(file, model), read_symbols(file, model))


def check_a_stream(rng: np.random.Generator, point: Point, shape: tuple[int, int, int]) -> None:
    """What the codec writes with these contexts and random symbols, this page's decoder reads."""
    heights = np.round(MAX_HEIGHT * np.exp(-np.abs(np.array(KNOTS)) / 12)).astype(np.int64)
    steps = (2.0 ** np.linspace(19, 9, 12)).astype(np.int64)
    tables = frequency_tables(heights[None].repeat(12, 0), steps, np.array(KNOTS))
    symbols = np.round(rng.laplace(size=shape) * 8).astype(np.int32)
    data = make_coder(tables, point).encode(symbols)
    np.testing.assert_array_equal(decode_chunk(data, symbols.shape, tables, point), symbols)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 6), (2, 2), (4, 5), (7, 3)])
@pytest.mark.parametrize("earlier", [False, True])
def test_random_contexts_and_latents(rows: int, columns: int, earlier: bool) -> None:
    rng = np.random.default_rng(earlier)
    channels = 2 * CONTEXT_BLOCK + 3
    point = PointContexts(
        weights=rng.integers(-(2**12), 2**16, (channels, 4, FEATURES)),
        thresholds=np.sort(rng.integers(0, 2**28, 20)),
        tables=rng.integers(0, 12, (channels, 4, 21)).astype(np.uint8),
        earlier=rng.integers(-(2**10), 2**10, earlier_size(channels)).astype(np.int16) if earlier else None,
    )
    check_a_stream(rng, point, (channels, rows, columns))


def test_expected_latents_are_those_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Latent by latent, from the arrays of the model file."""
    monkeypatch.setenv("LIC_MODELS", str(GOLDEN))
    file = parse((GOLDEN / "contexts.lic").read_bytes())
    model = find_model(fingerprint=file.fingerprint).load()
    symbols = read_symbols(file, model).astype(int)
    channels, rows, columns = symbols.shape
    arrays = load_file(GOLDEN / "golden-contexts.safetensors")
    k, f = divmod(file.position, 256)
    assert f
    s, after = arrays["steps"][k].astype(int), arrays["steps"][k + 1].astype(int)
    step = 256 * s * after // (after * (256 - f) + s * f)
    a, b = (256 - f) / s, f / after
    restore_factor = (arrays["restore"][k] * a + arrays["restore"][k + 1] * b) / (a + b)
    trust = ((256 - f) * arrays["trust"][k] + f * arrays["trust"][k + 1]) / 256

    def weight(name: str) -> np.ndarray:
        integers, scale = arrays[name].astype(float), arrays[name + ".scale"].astype(float)
        return integers * scale.reshape(-1, *[1] * (integers.ndim - 1))

    y_hat = np.zeros(symbols.shape)
    phase = np.array([[[(((0, 2), (3, 1))[y % 2][x % 2] - c) % 4 for x in range(columns)] for y in range(rows)]
                      for c in range(channels)])  # fmt: skip
    for number in range(4):
        expected = np.zeros(symbols.shape)
        if number:
            name = f"predictors.{number - 1}"
            known = np.where(phase < number, y_hat, 0)
            inner = np.einsum("oi,iyx->oyx", weight(f"{name}.reduce.weight")[:, :, 0, 0], known)
            inner += arrays[f"{name}.reduce.bias"][:, None, None]
            for y in range(rows):
                for x in range(columns):
                    inner[:, y, x] += weight(f"{name}.place")[:, y % 2, x % 2]
            around = np.pad(np.maximum(inner, 0), ((0, 0), (1, 1), (1, 1)))
            taps = weight(f"{name}.mix.weight")
            mixed = sum(
                np.einsum("oi,iyx->oyx", taps[:, :, i, j], around[:, i : i + rows, j : j + columns])
                for i in range(3)
                for j in range(3)
            )
            mixed = np.maximum(mixed + arrays[f"{name}.mix.bias"][:, None, None], 0)
            expected = np.einsum("oi,iyx->oyx", weight(f"{name}.expand.weight")[:, :, 0, 0], mixed)
            expected = (expected + arrays[f"{name}.expand.bias"][:, None, None]) * trust[:, None, None]
        latents = symbols * (restore_factor * step * arrays["unit"] / 2**12)[:, None, None] + expected
        y_hat = np.where(phase == number, latents, y_hat)
    found = restore(symbols.astype(np.int32), model.at(file.position), NumpyEngine(model).expect)
    np.testing.assert_allclose(found, y_hat, atol=1e-5 * np.abs(y_hat).max())


class TracedDecoder(RangeDecoder):
    """Notes quantile, entry, frequencies and state of each step, as the page prints them."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.trace = [f"{self.lower:016x} {self.range:016x} {self.point:016x}"]

    def decode(self, frequencies: list[int]) -> int:
        quantile = ((self.point - self.lower) & MASK) // (self.range >> 24)
        i = super().decode(frequencies)
        state = f"{self.lower:016x} {self.range:016x} {self.point:016x}"
        self.trace.append(f"{quantile} {i} {sum(frequencies[:i])} {frequencies[i]} {state}")
        return i


def meaning(field: str, raw: bytes) -> str:
    """The value of a field, as the page prints it."""
    if field in ("magic", "tag", "payload"):
        return raw.decode("ascii")
    if field == "fingerprint":
        return raw.hex()
    number = int.from_bytes(raw, "little")
    return f"CRC-32 0x{number:08x}" if field == "checksum" else str(number)


def test_the_worked_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the last section of FORMAT.md says, number by number."""
    monkeypatch.setenv("LIC_MODELS", str(GOLDEN))
    section = PAGE.read_text(encoding="utf-8").split("## 7. A worked example")[1]
    dump, steps = (block.strip("\n").splitlines() for block in section.split("```")[1::2])
    tables_told, latents_told, restored_told, pixels_told = (
        [[float(cell) for cell in row.strip("| ").split("|")] for row in table.splitlines()[2:]]
        for table in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)
    )

    fields = [(bytes.fromhex(line[:27]), line[27:44].strip(), line[44:]) for line in dump]
    data = b"".join(raw for raw, _, _ in fields)
    latents_payload = fields[-2][0]
    for raw, field, told in fields:
        if raw is not latents_payload:
            assert re.match(rf"{re.escape(meaning(field, raw))}(\W|$)", told), (field, told)
    assert f"file of {len(data)} bytes holds a picture of 20 x 10 pixels" in section
    file = parse(data)
    assert file == Container(20, 10, "RGB", 64, bytes.fromhex("674468db"), latents_payload, (Section(b"x", b"<x/>"),))

    model = find_model(fingerprint=file.fingerprint).load()
    before, after = model.steps[0], model.steps[1]
    step = 256 * before * after // (after * (256 - 64) + before * 64)
    tables = frequency_tables(model.heights, step, np.array(KNOTS))
    for c, row in enumerate(tables_told):
        size = tables.size[c]
        assert row == [c, before[c], after[c], step[c], tables.first[c], size, size - 1]

    coder = TracedDecoder(file.latents)
    latents = np.zeros((model.channels, 1, 2), np.int32)
    for c in range(coder.uniform(model.channels + 1)):
        escape = tables.size[c] - 1
        entries = [coder.decode(tables.row(c).tolist()) for _ in range(2)]
        latents[c, 0] = [coder.escaped() if i == escape else tables.first[c] + i for i in entries]
    assert coder.trace == [" ".join(line.split()) for line in steps[1:]]
    for line, step_taken in zip(re.findall(r"^\d\. .*", section, re.MULTILINE), coder.trace[1:], strict=True):
        entry = re.search(r"(?:13: |entry |b = |2\^6: )(\d+)", line)
        assert entry and entry[1] == step_taken.split()[1], line
    assert latents_told == [[c, *latents[c, 0]] for c in range(2)]
    assert not latents[2:].any()
    np.testing.assert_array_equal(read_symbols(file, model), latents)

    a, b = (256 - 64) / before, 64 / after
    restore = (model.restore[0] * a + model.restore[1] * b) / (a + b)
    restored = latents[:, 0] * (restore * step * model.unit / 2**12)[:, None]
    np.testing.assert_allclose(restored[:2], np.array(restored_told)[:, 1:], atol=5e-5)
    picture = lic.decode(data)
    assert picture.info == {"xmp": b"<x/>"}
    for row, column, *colour in pixels_told:
        assert np.abs(np.array(picture.getpixel((int(column), int(row)))) - colour).max() <= 1
