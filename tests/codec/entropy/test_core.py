"""The coder in C does what the one in numpy does, on any model and any bytes."""

import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lic.codec.entropy import chunks, coder
from lic.codec.entropy.compiled import MISSING, CompiledCoder
from lic.codec.entropy.reference import ReferenceCoder
from lic.codec.entropy.walk import MAX_SYMBOL
from lic.codec.errors import BadModel, Corrupt
from lic.codec.file.container import parse
from lic.codec.file.geometry import latent_size
from lic.codec.model.catalogue import MODELS_VARIABLE, find_model
from tests.codec.core_constants import HEADER, make_header
from tests.codec.entropy.random_models import (
    KINDS,
    laplacian_densities,
    possible,
    random_densities,
    random_model,
    random_symbols,
    reference_of,
)

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "conformance"
if not MISSING:
    from lic.codec.core import _core

pytestmark = pytest.mark.skipif(bool(MISSING), reason="the extension is not built: there was no compiler")


def result(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call returns, or the error of ours that it raises."""
    try:
        return call(*arguments)
    except (BadModel, Corrupt) as error:
        return repr(error)


def damaged(rng: np.random.Generator, data: bytes) -> bytes:
    """Bits flipped, cut, with noise behind it; or nothing but noise."""
    out = bytearray(data)
    for _ in range(rng.integers(0, 4) if out else 0):
        out[rng.integers(len(out))] ^= 1 << rng.integers(8)
    if rng.random() < 0.3:
        del out[rng.integers(len(out) + 1) :]
    if rng.random() < 0.3:
        out += rng.bytes(20)
    return bytes(out) if rng.random() < 0.8 else rng.bytes(rng.integers(80))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(KINDS))
def test_both_coders_agree_on_any_model_symbols_and_bytes(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    absurd = rng.random() < 0.3
    shape = int(rng.integers(1, 28)), int(rng.integers(1, 10)), int(rng.integers(1, 60 if rng.random() < 0.1 else 10))
    tables = shape[0] if kind == "plain" else 2 * int(rng.integers(1, 15))
    densities = random_densities(rng, tables, absurd)
    model = random_model(rng, kind, shape[0], densities, absurd)
    compiled, reference = model.at(0).coder, reference_of(model)
    assert isinstance(compiled, CompiledCoder)
    guessed = random_symbols(rng, shape)
    np.testing.assert_array_equal(compiled.guess_tables(guessed), reference.guess_tables(guessed))
    symbols = possible(guessed, model)
    data = reference.encode(symbols)
    assert compiled.encode(symbols) == data
    np.testing.assert_array_equal(compiled.find_tables(symbols), reference.find_tables(symbols))
    for stream in (data, *(damaged(rng, data) for _ in range(4))):
        expected = result(reference.decode, stream, shape)
        np.testing.assert_array_equal(result(compiled.decode, stream, shape), expected)


FILES = {path.stem: parse(path.read_bytes()) for path in sorted(GOLDEN.glob("*.lic"))}


@pytest.mark.parametrize("name", [name for name, file in FILES.items() if file.latents])
def test_both_coders_agree_on_golden_files(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(GOLDEN))
    file = FILES[name]
    model = find_model(fingerprint=file.fingerprint).load()
    rows, columns = latent_size(file.width, file.height)
    coders = []
    for backend in ("C", "numpy"):
        monkeypatch.setattr(coder, "BACKEND", backend)
        coders.append(model.at(file.position).coder)
    assert isinstance(coders[0], CompiledCoder) and isinstance(coders[1], ReferenceCoder)
    shape = model.channels, rows, columns
    decoded = [np.concatenate([*chunks.unpack(file.latents, shape, found)], axis=1) for found in coders]
    np.testing.assert_array_equal(*decoded)
    hash_ = hashlib.sha256(decoded[0].astype("<i4").tobytes()).hexdigest()
    assert hash_ == json.loads((GOLDEN / "manifest.json").read_text())["files"][name]["latents"]
    assert [chunks.pack(chunks.chunks_of(decoded[0]), found) for found in coders] == [file.latents] * 2


@pytest.fixture(scope="module")
def without_avx2(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The extension without the loops that are compiled for AVX2 in addition, as under the sanitizer."""
    path = tmp_path_factory.mktemp("core") / "_core.so"
    plain = ["-O1", "-D__SANITIZE_ADDRESS__"]
    sources = sorted(map(str, (ROOT / "codec" / "core").glob("*.c")))
    headers = sysconfig.get_path("include")
    if sys.platform != "linux" or not shutil.which("gcc") or not Path(headers, "Python.h").exists():
        pytest.skip("this needs Linux, gcc and Python.h")
    subprocess.run(
        ["gcc", "-std=c11", "-shared", "-fPIC", *plain, f"-I{headers}", *sources, "-lm", "-o", path], check=True
    )
    loader = ExtensionFileLoader("_core", str(path))
    module = module_from_spec(spec_from_loader("_core", loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_core_does_the_same_without_avx2(without_avx2: Any, kind: str) -> None:
    rng = np.random.default_rng(2)
    shape = 40, 9, 50
    model = random_model(rng, kind, shape[0], laplacian_densities(shape[0]))
    rate, symbols = model.at(0).rate, possible(random_symbols(rng, shape), model)
    found = []
    for core in (_core, without_avx2):
        data = core.encode(rate, *shape[1:], symbols)
        decoded, numbers = np.empty(shape, np.int32), np.empty(shape, np.uint16)
        assert core.decode(rate, *shape[1:], data, decoded)
        core.find_tables(rate, *shape[1:], symbols, numbers)
        found.append((data, decoded.tobytes(), numbers.tobytes()))
    assert found[0] == found[1]


def test_calls_run_side_by_side() -> None:
    """They have nothing in common but their arguments, which they only read."""
    rng = np.random.default_rng(0)
    compiled = random_model(rng, "contexts", 20, laplacian_densities(20)).at(0).coder
    parts = [random_symbols(rng, (20, 40, 40)) for _ in range(8)]
    streams = [compiled.encode(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(compiled.encode, parts)] == streams
        decoded = pool.map(compiled.decode, streams, [part.shape for part in parts])
        np.testing.assert_array_equal([*decoded], np.clip(parts, -MAX_SYMBOL, MAX_SYMBOL))


def test_other_threads_run_meanwhile() -> None:
    rng = np.random.default_rng(0)
    compiled = random_model(rng, "contexts", 20, laplacian_densities(20)).at(0).coder
    symbols = random_symbols(rng, (20, 64, 1000))
    data = compiled.encode(symbols)
    calls: SimpleQueue[Any] = SimpleQueue()
    begun: set[Any] = set()

    def take_turns() -> None:
        while (call := calls.get()) is not None:
            begun.add(call)

    usual = sys.getswitchinterval()
    sys.setswitchinterval(600)  # so the other thread gets a turn only where the coder gives the interpreter lock away
    other = Thread(target=take_turns)
    other.start()
    try:
        for call in (compiled.encode, compiled.bits, lambda _: compiled.decode(data, symbols.shape)):
            for _ in range(100):  # a busy machine may not start the other thread at once
                calls.put(call)
                call(symbols)
                if call in begun:
                    break
            else:
                pytest.fail("the other thread had to wait for the coder")
    finally:
        calls.put(None)
        other.join()
        sys.setswitchinterval(usual)


def test_sizes_and_tables_that_do_not_fit_are_refused() -> None:
    arrays = random_model(np.random.default_rng(0), "contexts", 9, laplacian_densities(5)).core_arrays()
    symbols = np.zeros((9, 3, 4), np.int32)
    rate = _core.open_rate(_core.open_model(*arrays.values()), 0)
    assert _core.encode(rate, 3, 4, symbols)
    with pytest.raises(ValueError, match="channels x rows x columns"):
        _core.encode(rate, 3, 5, symbols)
    with pytest.raises(ValueError, match="channels x rows x columns"):
        _core.decode(rate, 0, 4, b"", symbols)
    with pytest.raises(ValueError, match="shape"):
        _core.find_tables(rate, 3, 4, symbols, np.zeros((9, 3, 3), np.uint16))
    arrays["phases.index"] = arrays["phases.index"] | 128  # tables that are not there
    with pytest.raises(ValueError, match="not there"):
        _core.encode(_core.open_rate(_core.open_model(*arrays.values()), 0), 3, 4, symbols)


def test_tables_of_ones_own_that_do_not_belong_together_are_refused() -> None:
    tables = [np.array([-1, 0], np.int32), np.array([0, 3, 5], np.uint32), np.array([0, 1, 2, 0, 9], np.uint32)]
    symbols = np.zeros((2, 3, 4), np.int32)
    assert _core.encode(_core.open_tables(*tables), 3, 4, symbols)
    for i in range(3):
        with pytest.raises(ValueError, match="belong together"):
            _core.open_tables(*tables[:i], tables[i][:-1], *tables[i + 1 :])
    tables[2][4] = 0
    with pytest.raises(ValueError, match="do not add up"):
        _core.encode(_core.open_tables(*tables), 3, 4, symbols)


MODELS = [path.stem for path in sorted(GOLDEN.glob("*.safetensors"))]


@pytest.mark.parametrize("name", MODELS)
def test_the_core_makes_the_tables_and_contexts_of_the_reference(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = find_model(GOLDEN / f"{name}.safetensors").load()
    symbols = possible(random_symbols(np.random.default_rng(0), (model.channels, 6, 7)), model)
    for position in (0, 1, 31, 32, 130, 255, 256, 300, model.last_position):
        found = []
        for backend in ("C", "numpy"):
            monkeypatch.setattr(coder, "BACKEND", backend)
            of_backend = model.at(position).coder
            found.append((of_backend.encode(symbols), of_backend.find_tables(symbols).tobytes()))
        assert found[0] == found[1]


@pytest.mark.parametrize("name", MODELS)
def test_arrays_of_a_model_that_do_not_belong_together_are_refused(name: str) -> None:
    arrays = find_model(GOLDEN / f"{name}.safetensors").load().core_arrays()
    model = _core.open_model(*arrays.values())
    assert _core.open_rate(model, 0)
    for position in (-1, 2 * 256 + 1, 2**32):
        with pytest.raises(ValueError, match="no such position"):
            _core.open_rate(model, position)
    for changed, array in arrays.items():
        if array.size:
            with pytest.raises(ValueError, match="belong together"):
                _core.open_model(*(arrays | {changed: array.ravel()[:-1]}).values())
    with pytest.raises(ValueError, match="belong together"):
        _core.open_model(*[*arrays.values()][:-1])


def test_the_header_of_constants_is_that_of_the_python_modules() -> None:
    assert HEADER.read_text(encoding="utf-8") == make_header(), "run python -m tests.codec.core_constants"
