"""Packed models: the core opens them by itself, for the example in C as for browsers."""

import gzip
import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lic.codec.encode.pipeline import encode_picture
from lic.codec.file.container import STORED, parse
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.packed import pack_encoder, pack_model
from lic.codec.picture.pixels import Pixels
from lic.codec.picture.reading import read_image
from tests.codec.transform.random_models import random_pixels, with_extras

ROOT = Path(__file__).parents[3]
CORE = ROOT / "codec/core"
GOLDEN = ROOT / "conformance"
FILES = json.loads((GOLDEN / "manifest.json").read_text(encoding="utf-8"))["files"]
MODELS = sorted({told["model"] for told in FILES.values()})
WITHOUT_ALPHA = {name: told for name, told in FILES.items() if told["latents"] and not told["alpha"]}
EXAMPLES = ("lic2ppm", "ppm2lic")
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


pytestmark = pytest.mark.slow  # both examples are compiled, with sanitizers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples, compiled with sanitizers, and the golden models."""
    folder = tmp_path_factory.mktemp("examples")
    sources = [str(path) for path in CORE.glob("*.c") if not path.stem.endswith("module")]
    options = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", *SANITIZERS, f"-I{CORE}"]
    try:
        subprocess.run(["gcc", *options, "-c", *sources], check=True, cwd=folder)
        for name in EXAMPLES:
            files = [str(CORE / f"examples/{name}.c"), *(f"{Path(source).stem}.o" for source in sources)]
            subprocess.run(["gcc", *options, *files, "-lz", "-lm", "-o", name], check=True, cwd=folder)
    except (FileNotFoundError, subprocess.CalledProcessError):
        probe = "#include <zlib.h>\nint main(void) { return 0; }"
        command = ["gcc", *SANITIZERS, "-x", "c", "-", "-lz", "-o", str(folder / "probe")]
        try:
            subprocess.run(command, input=probe, text=True, check=True)
        except (FileNotFoundError, subprocess.CalledProcessError):
            pytest.skip("there is no gcc with sanitizers, or no zlib")
        raise
    for name in MODELS:
        write_packed(folder / name, find_model(GOLDEN / f"{name}.safetensors").load())
    return folder


def write_packed(path: Path, model: FrozenModel) -> None:
    path.with_suffix(".licmodel").write_bytes(pack_model(model))
    path.with_suffix(".licencoder").write_bytes(pack_encoder(model))


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


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("refused/adjustment-*.lic")), ids=lambda path: path.stem)
def test_adjustments_of_the_filter_that_are_damaged_are_refused(path: Path, folder: Path) -> None:
    kind = "plain" if path.stem == "adjustment-without-filter" else "filter"
    kind = "contexts" if path.stem == "adjustment-of-lossless" else kind
    done = run(folder, folder / f"golden-{kind}.licmodel", path)
    message = "without loss" if kind == "contexts" else "the filter's adjustment is damaged"
    assert done.returncode == 1 and message in done.stderr


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


# ---- encoding ----


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> FrozenModel:
    """A model with contexts, predictors, and a quick look at the upper points."""
    model = with_extras(find_model(GOLDEN / "golden-contexts.safetensors").load())
    shares = [0.0] + [0.3] * (len(model.lambdas) - 1)
    path = tmp_path_factory.mktemp("model") / "everything.safetensors"
    path.write_bytes(replace(model, card=model.card | {"quick_look": shares, "name": "everything"}).to_bytes())
    return find_model(path).load()


def encode_in_c(folder: Path, model: Path, position: int, pixels: Pixels) -> subprocess.CompletedProcess[str]:
    kind = b"P5" if pixels.ndim == 2 else b"P6"
    head = b"%s\n%d %d\n255\n" % (kind, pixels.shape[1], pixels.shape[0])
    (folder / "original.ppm").write_bytes(head + pixels.tobytes())
    packed = [str(model.with_suffix(suffix)) for suffix in (".licmodel", ".licencoder")]
    command = [str(folder / "ppm2lic"), *packed, str(position), str(folder / "original.ppm"), str(folder / "made.lic")]
    return subprocess.run(command, capture_output=True, text=True)


def assert_same_file(folder: Path, model: FrozenModel, position: int, pixels: Pixels) -> bytes:
    write_packed(folder / model.name, model)
    done = encode_in_c(folder, folder / model.name, position, pixels)
    assert done.returncode == 0, done.stderr
    made = (folder / "made.lic").read_bytes()
    assert made == encode_picture(read_image(pixels), model, position)
    return made


def test_the_example_in_c_encodes_to_the_bytes_of_python(folder: Path, everything: FrozenModel) -> None:
    models = [find_model(GOLDEN / f"{name}.safetensors").load() for name in MODELS]
    for model in (*models, everything):
        for position in (0, 100, 256, 300, model.last_position):
            assert_same_file(folder, model, position, random_pixels(75, 91))


def test_pictures_of_several_chunks_and_grey_ones(folder: Path, everything: FrozenModel) -> None:
    assert_same_file(folder, everything, 280, random_pixels(2100, 20))
    assert_same_file(folder, everything, 280, random_pixels(1030, 200))
    dependent = find_model(GOLDEN / "golden-trellis.safetensors").load()
    for height in (1030, 1100, 2100):  # the last chunk may have fewer rows than others depend on
        assert_same_file(folder, dependent, 280, random_pixels(height, 40))
    grey = random_pixels(40, 50)[..., 1].copy()
    assert parse(assert_same_file(folder, everything, 200, grey)).picture_mode == "L"
    assert parse(assert_same_file(folder, everything, 200, np.dstack([grey] * 3))).picture_mode == "RGB"


def test_pixels_are_stored_where_latents_take_more_bytes(folder: Path, everything: FrozenModel) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1, 2, 3), np.uint8)
    made = assert_same_file(folder, everything, everything.last_position, noise)
    assert parse(made).section(STORED) == noise.tobytes()


def test_damaged_encoders_are_refused_or_harmless(folder: Path, everything: FrozenModel) -> None:
    write_packed(folder / "everything", everything)
    write_packed(folder / "damaged", everything)
    whole = gzip.decompress((folder / "everything.licencoder").read_bytes())
    for i in range(40):
        at = len(whole) * i**3 // 40**3
        for bytes_ in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x81]) + whole[at + 1 :]):
            (folder / "damaged.licencoder").write_bytes(bytes_)
            done = encode_in_c(folder, folder / "damaged", 256, random_pixels(33, 40))
            assert done.returncode in (0, 1) and "ERROR" not in done.stderr, done.stderr
            assert done.returncode == 1 or len(bytes_) == len(whole)


def test_an_encoder_of_another_model_is_refused(folder: Path) -> None:
    write_packed(folder / "mixed", find_model(GOLDEN / f"{MODELS[0]}.safetensors").load())
    (folder / "mixed.licencoder").write_bytes((folder / f"{MODELS[1]}.licencoder").read_bytes())
    done = encode_in_c(folder, folder / "mixed", 256, random_pixels(33, 40))
    assert done.returncode == 1 and "no encoder's part of that model" in done.stderr
