"""Short runs of the programs that fuzz the core in C under sanitizers; the programs say how to make long ones."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE, FUZZ = ROOT / "codec/core", ROOT / "tests/fuzz"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


# The coder and the networks: the files of the core that each needs, and how many executions make a short run.
HALVES = {
    "core": (["contexts", "symbols", "walk"], 3000),
    "network": (["filter", "kernels*", "layers", "network", "pictures", "stream", "tasks", "team"], 300),
}


def compile_c(*arguments: str) -> bool:
    try:
        return subprocess.run(["gcc", "-std=c11", *arguments], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("half", HALVES)
def test_sanitizers_find_nothing(half: str, tmp_path: Path) -> None:
    probe, program = tmp_path / "probe.c", str(tmp_path / "fuzz")
    probe.write_text("int main(void) { return 0; }\n")
    if not compile_c(*SANITIZERS, str(probe), "-o", program):
        pytest.skip("there is no gcc with sanitizers")
    parts, executions = HALVES[half]
    sources = [str(FUZZ / f"{half}.c"), *map(str, sorted(part for name in parts for part in CORE.glob(f"{name}.c")))]
    assert compile_c("-O1", "-g", "-ffp-contract=off", *SANITIZERS, f"-I{CORE}", *sources, "-lm", "-o", program)
    done = subprocess.run([program, "0", str(executions)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{executions} executions")
