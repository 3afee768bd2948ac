"""Files written once decode to the same latents for ever; see conformance/README.md."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from conformance.make import describe, noise, ramp
from lic import decode, read_info
from lic.codec.decoder import read_symbols
from lic.codec.entropy.library import Contexts
from lic.codec.file.container import ADJUSTMENT, ALPHA, NOTES, STORED, WEBP, Container, parse
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.picture.metadata import info_of
from lic.codec.transform.numpy_engine import NumpyEngine
from lic.codec.transform.restoration import restore

GOLDEN = Path(__file__).parents[2] / "conformance"
FILES = sorted(GOLDEN.glob("*.lic"))
TOLD = json.loads((GOLDEN / "manifest.json").read_text())["files"]

DECODE = """
import hashlib, os, sys, numpy as np
from lic.codec.threads import use_threads
disabled = os.environ.get("NPY_DISABLE_CPU_FEATURES", "").split()
assert not set(disabled) & set(np.show_config("dicts")["SIMD Extensions"].get("found", []))
use_threads(2 if "two-threads" in sys.argv else 1)
from lic.codec.decoder import read_symbols
from lic import decode, encode
from lic.codec.file.container import parse
from lic.codec.model.catalogue import find_model
from pathlib import Path
golden = Path(sys.argv[1])
for name in ("contexts", "between-points"):
    data = (golden / f"{name}.lic").read_bytes()
    file = parse(data)
    symbols = read_symbols(file, find_model(fingerprint=file.fingerprint).load())
    print(hashlib.sha256(symbols.astype("<i4").tobytes()).hexdigest())
    print(hashlib.sha256(decode(data).tobytes()).hexdigest())
y, x = np.mgrid[:75, :91]
picture = np.stack([(3 * x + y) % 256, (x * y // 7) % 256, 255 - x], -1).astype(np.uint8)
files = (encode(picture, quality=q, effort=e, model=m, lossless=False) for m in ("golden-contexts", "golden-filter")
         for q, e in ((5, 0), (40, 0), (75, 0), (100, 0), (30, 1), (80, 2)))
print(hashlib.sha256(b"".join(files)).hexdigest())
"""
# Of the files that the above writes, by this version of the encoder: a better one may write others.
ENCODED = "92d53230232863d2727ee7d253eca8cb518f49554cd349553af137ecfc5db0d1"

# numpy on a processor with the fewest instructions that it needs, OpenBLAS on an old one (of x86; ignored elsewhere).
OLD_PROCESSOR = {
    "NPY_DISABLE_CPU_FEATURES": " ".join(np.show_config("dicts")["SIMD Extensions"].get("found", [])),
    "OPENBLAS_CORETYPE": "Prescott",
}
MACHINES = {
    "two-threads": (["two-threads"], {}),
    "one-lane": ([], {"LIC_KERNELS": "1"}),
    "four-lanes": ([], {"LIC_KERNELS": "4"}),
    "networks-in-numpy": ([], {"LIC_ENGINE": "numpy"}),
    "old-processor": ([], OLD_PROCESSOR),
    "old-processor-coder-in-numpy": ([], OLD_PROCESSOR | {"LIC_CORE": "numpy"}),
}


@pytest.fixture(autouse=True)
def golden_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIC_MODELS", str(GOLDEN))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden_file_decodes_to_the_same_latents(path: Path) -> None:
    assert describe(path.read_bytes()) == TOLD[path.stem]
    info = read_info(path)
    assert ([*info.size], info.mode) == (TOLD[path.stem]["size"], TOLD[path.stem]["mode"])


# Every feature of FORMAT.md. An addition there needs a line here and a golden file.
FEATURES: dict[str, Callable[[Container], object]] = {
    "grey": lambda file: file.picture_mode == "L",
    "grey with alpha": lambda file: file.picture_mode == "LA",
    "colour": lambda file: file.picture_mode == "RGB",
    "colour with alpha": lambda file: file.picture_mode == "RGBA",
    "alpha that is all opaque": lambda file: file.section(ALPHA) == b"",
    "EXIF": lambda file: "exif" in file.metadata,
    "ICC profile": lambda file: "icc_profile" in file.metadata,
    "XMP": lambda file: "xmp" in file.metadata,
    "resolution": lambda file: file.section(NOTES["dpi"]),
    "text": lambda file: file.section(NOTES["text"]),
    "a resolution and a text to ignore": lambda file: info_of(file) == {} and file.section(NOTES["text"]),
    "a rate position without latents": lambda file: file.lossless and file.position > model_of(file).last_position,
    "alpha in several chunks": lambda file: (file.section(ALPHA) or b"").count(b"IDAT") > 1,
    "a section to skip": lambda file: any(tag == b"z" for tag, _ in file.sections),
    "a side of several bytes": lambda file: max(file.width, file.height) > 127,
    "stored grey with alpha": lambda file: file.picture_mode == "LA" and file.section(STORED),
    "stored colour": lambda file: file.picture_mode == "RGB" and file.section(STORED),
    "lossless grey with alpha": lambda file: file.picture_mode == "LA" and file.section(WEBP),
    "lossless colour": lambda file: file.picture_mode == "RGB" and file.section(WEBP),
    "a model without contexts": lambda file: contexts_of(file) is None,
    "a model with contexts": lambda file: contexts_of(file) is not None,
    "two quantisers": lambda file: model_of(file).quantiser == "trellis",
    "two quantisers over several chunks": lambda file: file.height > 1024 and model_of(file).quantiser == "trellis",
    "escaped numbers of two quantisers": lambda file: (
        model_of(file).quantiser == "trellis" and np.abs(latents_of(file)).max() > 2**20
    ),
    "a filter between points": lambda file: file.position % 256 and model_of(file).filter is not None,
    "a filter of grey pictures": lambda file: file.picture_mode == "L" and model_of(file).filter is not None,
    "an adjusted filter": lambda file: file.section(ADJUSTMENT),
    "expected latents": lambda file: expects_latents(file),
    "expected latents between points": lambda file: file.position % 256 and expects_latents(file),
    "expected latents over several chunks": lambda file: file.height > 1024 and expects_latents(file),
    "expected latents in a single row": lambda file: file.latents and file.height <= 16 and expects_latents(file),
    "weights as integers of one and two bytes": lambda file: weight_types(file) == {"int8", "int16", "float32"},
    "the first lambda point": lambda file: file.position == 0,
    "the last lambda point": lambda file: file.position == model_of(file).last_position,
    "between points, without contexts": lambda file: file.position % 256 and contexts_of(file) is None,
    "between points, with contexts": lambda file: file.position % 256 and contexts_of(file) is not None,
    "several chunks": lambda file: file.height > 1024,
    "a single latent": lambda file: file.latents and max(file.width, file.height) <= 16,
    "a single row of latents": lambda file: file.latents and file.height <= 16 < file.width,
    "no channel in use": lambda file: file.latents and not latents_of(file).any(),
    "escaped latents": lambda file: file.latents and np.abs(latents_of(file)).max() > 2**20,
}


def model_of(file: Container) -> FrozenModel:
    return find_model(fingerprint=file.fingerprint).load()


def contexts_of(file: Container) -> Contexts | None:
    entropy = model_of(file).entropy
    return entropy if isinstance(entropy, Contexts) else None


def expects_latents(file: Container) -> bool:
    """Whether latents are expected, to some effect."""
    model = model_of(file)
    if model.trust is None:
        return False
    point, symbols = model.at(file.position), latents_of(file)
    return bool((restore(symbols, point, NumpyEngine(model).expect) != point.dequantise(symbols)).any())


def weight_types(file: Container) -> set[str]:
    return {array.dtype.name for array in model_of(file).stored_weights.values()}


def latents_of(file: Container) -> NDArray[np.int32]:
    return read_symbols(file, model_of(file))


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_has_a_golden_file(feature: str) -> None:
    assert any(FEATURES[feature](parse(path.read_bytes())) for path in FILES)


def test_stored_pixels_and_alpha_are_exact() -> None:
    np.testing.assert_array_equal(np.array(decode(GOLDEN / "stored.lic")), noise(2, 2, 3))
    np.testing.assert_array_equal(np.array(decode(GOLDEN / "stored-webp.lic")), ramp(40, 50))
    np.testing.assert_array_equal(np.array(decode(GOLDEN / "stored-alpha.lic"))[..., 1], noise(3, 30, 2)[..., 1])


def test_golden_alpha_and_metadata() -> None:
    picture = decode(GOLDEN / "alpha.lic")
    assert (picture.mode, picture.size) == ("RGBA", (91, 75))
    y, x = np.mgrid[:75, :91]
    np.testing.assert_array_equal(np.array(picture)[:8, 8:16, 3], ((x * y // 7) % 256 // 64 * 85)[:8, 8:16])
    assert picture.info == {"exif": b"Exif\0\0MM", "icc_profile": b"a profile", "xmp": b"<x/>"}


def test_golden_resolution_and_text() -> None:
    info = decode(GOLDEN / "described.lic").info
    assert info == {"dpi": (300.0, 150.25), "text": {"Title": "A grid", "Author": "Zoë"}}


def test_every_file_is_in_the_manifest() -> None:
    assert {path.stem for path in GOLDEN.glob("*.lic")} == set(TOLD)


def test_golden_models_are_what_they_were() -> None:
    for kind, fingerprint in (("contexts", "6ca2fc7b"), ("plain", "674468db"), ("trellis", "8e5208f9")):
        model = find_model(f"golden-{kind}").load()
        assert model.fingerprint.hex() == fingerprint
        assert model.card.get("quantiser", "uniform") == ("trellis" if kind == "trellis" else "uniform")


def coded_as(machine: str) -> tuple[dict[str, dict[str, str]], str]:
    """The digests of two golden files' latents and pixels, and of new files, by a process that is one of MACHINES."""
    arguments, environment = MACHINES[machine]
    command = [sys.executable, "-c", DECODE, str(GOLDEN), *arguments]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *decoded, encoded = done.stdout.split()
    names = ("contexts", "between-points")
    pairs = zip(names, decoded[::2], decoded[1::2], strict=True)
    return {name: {"latents": y, "pixels": x} for name, y, x in pairs}, encoded


@pytest.mark.parametrize("machine", MACHINES)
def test_latents_pixels_and_files_are_the_same_on_every_machine(machine: str) -> None:
    decoded, encoded = coded_as(machine)
    for name, found in decoded.items():
        assert found == {kind: TOLD[name][kind] for kind in ("latents", "pixels")}
    assert encoded == ENCODED
