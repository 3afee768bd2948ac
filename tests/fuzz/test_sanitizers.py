"""Short runs of the programs that fuzz the core in C under sanitizers; the programs say how to make long ones."""

import gzip
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lic.codec.model.catalogue import find_model
from lic.codec.model.packed import pack_encoder, pack_model
from tests.codec.transform.random_models import with_extras, with_filter

ROOT = Path(__file__).parents[2]
CORE, FUZZ = ROOT / "codec/core", ROOT / "tests/fuzz"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


CODER = ["contexts", "symbols", "trellis", "walk"]
NETWORKS = ["filter", "kernels*", "layers", "network", "pictures", "stream", "tasks", "team"]
# The files of the core that each needs, and how many executions make a short run.
PARTS = {
    "core": ([*CODER, "team"], 3000),
    "network": (NETWORKS, 300),
    "packed": ([*CODER, *NETWORKS, "encoding", "levels", "model", "rate", "tables"], 300),
}


def compile_c(*arguments: str) -> bool:
    try:
        return subprocess.run(["gcc", "-std=c11", *arguments], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def packed(folder: Path) -> list[str]:
    """A model with everything that there is, and its encoder's part, unpacked."""
    model = find_model(ROOT / "conformance/golden-trellis.safetensors").load()
    model = with_filter(with_extras(model))
    model = replace(model, card=model.card | {"quick_look": [0.0, 0.3, 0.3]})
    (folder / "model").write_bytes(gzip.decompress(pack_model(model)))
    (folder / "encoder").write_bytes(gzip.decompress(pack_encoder(model)))
    return [str(folder / "model"), str(folder / "encoder")]


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_sanitizers_find_nothing(part: str, tmp_path: Path) -> None:
    probe, program = tmp_path / "probe.c", str(tmp_path / "fuzz")
    probe.write_text("int main(void) { return 0; }\n")
    if not compile_c(*SANITIZERS, str(probe), "-o", program):
        pytest.skip("there is no gcc with sanitizers")
    names, executions = PARTS[part]
    sources = [str(FUZZ / f"{part}.c"), *map(str, sorted(path for name in names for path in CORE.glob(f"{name}.c")))]
    assert compile_c("-O1", "-g", "-ffp-contract=off", *SANITIZERS, f"-I{CORE}", *sources, "-lm", "-o", program)
    files = packed(tmp_path) if part == "packed" else []
    done = subprocess.run([program, "0", str(executions), *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{executions} executions")
