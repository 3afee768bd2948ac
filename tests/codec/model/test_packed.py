"""Packed models: the core opens them by itself, for the example in C as for browsers."""

import gzip
import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from lic.codec.model.catalogue import find_model
from lic.codec.model.packed import pack_model

ROOT = Path(__file__).parents[3]
CORE = ROOT / "codec/core"
GOLDEN = ROOT / "conformance"
FILES = json.loads((GOLDEN / "manifest.json").read_text(encoding="utf-8"))["files"]
MODELS = sorted({told["model"] for told in FILES.values()})
WITHOUT_ALPHA = {name: told for name, told in FILES.items() if told["latents"] and not told["alpha"]}
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, compiled with sanitizers, and the golden models."""
    folder = tmp_path_factory.mktemp("example")
    sources = [path for path in CORE.glob("*.c") if not path.stem.endswith("module")]
    options = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", *SANITIZERS, f"-I{CORE}"]
    files = [CORE / "examples/lic2ppm.c", *sources]
    try:
        subprocess.run(["gcc", *options, *map(str, files), "-lz", "-lm", "-o", str(folder / "lic2ppm")], check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        probe = "#include <zlib.h>\nint main(void) { return 0; }"
        command = ["gcc", *SANITIZERS, "-x", "c", "-", "-lz", "-o", str(folder / "probe")]
        try:
            subprocess.run(command, input=probe, text=True, check=True)
        except (FileNotFoundError, subprocess.CalledProcessError):
            pytest.skip("there is no gcc with sanitizers, or no zlib")
        raise
    for name in MODELS:
        (folder / f"{name}.licmodel").write_bytes(pack_model(find_model(GOLDEN / f"{name}.safetensors").load()))
    return folder


def run(folder: Path, model: Path, file: Path) -> subprocess.CompletedProcess[str]:
    command = [str(folder / "lic2ppm"), str(model), str(file), str(folder / "picture.ppm")]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("name", WITHOUT_ALPHA)
def test_the_example_in_c_decodes_golden_files_to_their_pixels(name: str, folder: Path) -> None:
    told = FILES[name]
    done = run(folder, folder / f"{told['model']}.licmodel", GOLDEN / f"{name}.lic")
    assert done.returncode == 0, done.stderr
    kind, size, peak, pixels = (folder / "picture.ppm").read_bytes().split(b"\n", 3)
    assert (kind, peak) == (b"P5" if told["mode"] == "L" else b"P6", b"255")
    assert [*map(int, size.split())] == told["size"]
    assert hashlib.sha256(pixels).hexdigest() == told["pixels"]


def test_another_model_is_refused(folder: Path) -> None:
    done = run(folder, folder / f"{MODELS[0]}.licmodel", GOLDEN / "plain.lic")
    assert done.returncode == 1 and "needs another model" in done.stderr


def test_damaged_models_are_refused_or_harmless(folder: Path) -> None:
    """Cut at any place, or with a byte that is another one: the sanitizers find nothing."""
    whole = gzip.decompress((folder / "golden-plain.licmodel").read_bytes())
    damaged = folder / "damaged.licmodel"
    for i in range(40):
        at = len(whole) * i**3 // 40**3
        for bytes_ in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x81]) + whole[at + 1 :]):
            damaged.write_bytes(bytes_)
            done = run(folder, damaged, GOLDEN / "plain.lic")
            assert done.returncode in (0, 1) and "ERROR" not in done.stderr, done.stderr
            assert done.returncode == 1 or len(bytes_) == len(whole)


def test_models_of_another_version_are_refused(folder: Path) -> None:
    whole = gzip.decompress((folder / "golden-plain.licmodel").read_bytes())
    (folder / "longer.licmodel").write_bytes(gzip.compress(whole + b"\0"))
    assert run(folder, folder / "longer.licmodel", GOLDEN / "plain.lic").returncode == 1
