"""The bytes know no torch: what codes symbols works in a process where importing torch fails."""

import json
import os
import subprocess
import sys
from pathlib import Path

GOLDEN = Path(__file__).parents[2] / "conformance"
ENVIRONMENT = os.environ | {"LIC_MODELS": str(GOLDEN)}

DECODE = """
import hashlib, json, pathlib, sys
sys.modules["torch"] = None  # importing it raises ImportError
import lic
from lic.codec.decoder import read_symbols
from lic.codec.file.container import parse
from lic.codec.model.catalogue import find_model

hashes = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.lic")):
    file = parse(path.read_bytes())
    if file.lossless:
        exact = lic.decode(path).tobytes()
    else:
        model = find_model(fingerprint=file.fingerprint).load()
        symbols = read_symbols(file, model)
        exact = symbols.astype("<i4").tobytes()
        assert model.at(file.position).coder.bits(symbols[:, :64]).sum() >= 0
    hashes[path.stem] = hashlib.sha256(exact).hexdigest()
print(json.dumps(hashes))
"""

LAYOUT = """
import sys
sys.modules["torch"] = None
from lic.codec.model.catalogue import find_model
from lic.models.constants import KNOTS

model = find_model().load()
assert model.architecture.decoding_reach == 36
assert len(KNOTS) == 73
assert all(model.weight(name).shape == shape for name, shape in model.architecture.tensors.items())
"""


def run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_latents_of_every_golden_file_decode_without_torch() -> None:
    found = json.loads(run(DECODE, str(GOLDEN)))
    files = json.loads((GOLDEN / "manifest.json").read_text())["files"]
    assert found == {name: told["latents"] or told["pixels"] for name, told in files.items()}
    assert len(found) >= 15


def test_models_are_loaded_and_checked_without_torch() -> None:
    run(LAYOUT)
