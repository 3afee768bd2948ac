"""Files written once decode to the same latents for ever; see tests/golden/make.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent.parent / "golden"
HASHES = json.loads((GOLDEN / "latents.json").read_text())

DECODE = """
import hashlib, sys, numpy as np, torch
if "bf16" in sys.argv:
    torch.backends.mkldnn.conv.fp32_precision = torch.backends.mkldnn.matmul.fp32_precision = "bf16"
if "onednn-off" in sys.argv:
    torch.backends.mkldnn.enabled = False
torch.set_num_threads(2 if "two-threads" in sys.argv else 1)
from lic.codec import coding, decode
from lic.codec.container import parse
from lic.codec.model import find_model
data = open(sys.argv[1], "rb").read()
file = parse(data)
symbols = coding.unpack_latents(file, find_model(file.fingerprint))
print(hashlib.sha256(symbols.astype("<i4").tobytes()).hexdigest())
np.save(sys.argv[2], np.array(decode(data)))
"""

MACHINES = {
    "one-thread": ([], {}),
    "two-threads": (["two-threads"], {}),
    "onednn-off": (["onednn-off"], {}),
    "bf16": (["bf16"], {}),
    "capability-default": ([], {"ATEN_CPU_CAPABILITY": "default"}),
    "capability-avx2": ([], {"ATEN_CPU_CAPABILITY": "avx2"}),
    "capability-avx512": ([], {"ATEN_CPU_CAPABILITY": "avx512"}),
}


@pytest.fixture(autouse=True)
def golden_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIC_MODELS", str(GOLDEN))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.lic")), ids=lambda path: path.stem)
def test_golden_file_decodes_to_the_same_latents(path: Path) -> None:
    import hashlib

    from lic.codec import coding, decode, read_info
    from lic.codec.container import parse
    from lic.codec.model import find_model

    file = parse(path.read_bytes())
    symbols = coding.unpack_latents(file, find_model(file.fingerprint))
    assert hashlib.sha256(symbols.astype("<i4").tobytes()).hexdigest() == HASHES[path.stem]
    assert decode(path).size == read_info(path).size


def test_golden_alpha_and_metadata() -> None:
    import numpy as np

    from lic.codec import decode

    picture = decode(GOLDEN / "alpha.lic")
    assert (picture.mode, picture.size) == ("RGBA", (91, 75))
    y, x = np.mgrid[:75, :91]
    np.testing.assert_array_equal(np.array(picture)[:8, 8:16, 3], ((x * y // 7) % 256 // 64 * 85)[:8, 8:16])
    assert picture.info == {"exif": b"Exif\0\0MM", "icc_profile": b"a profile", "xmp": b"<x/>"}


def test_every_hash_has_its_file() -> None:
    assert {path.stem for path in GOLDEN.glob("*.lic")} == set(HASHES)


def test_golden_models_are_what_they_were() -> None:
    from lic.codec.model import get_model

    for kind, fingerprint in (("contexts", "2028be8b"), ("plain", "cac812a7")):
        assert get_model(f"golden-{kind}").fingerprint.hex() == fingerprint


def test_latents_are_the_same_on_every_machine_and_pixels_within_one_grey_level(tmp_path: Path) -> None:
    import numpy as np

    pixels = {}
    for name, (arguments, environment) in MACHINES.items():
        out = tmp_path / f"{name}.npy"
        command = [sys.executable, "-c", DECODE, str(GOLDEN / "contexts.lic"), str(out), *arguments]
        env = os.environ | environment
        result = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        assert result.stdout.strip() == HASHES["contexts"], name
        pixels[name] = np.load(out).astype(int)
    for name, array in pixels.items():
        if name != "bf16":
            assert np.abs(array - pixels["one-thread"]).max() <= 1, name
