"""A short run of the program that tries the coder in C under sanitizers; the program says how to make long ones."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "codec/core"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def compile_c(*arguments: str) -> bool:
    try:
        return subprocess.run(["gcc", "-std=c11", *arguments], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_sanitizers_find_nothing(tmp_path: Path) -> None:
    probe, program = tmp_path / "probe.c", str(tmp_path / "fuzz")
    probe.write_text("int main(void) { return 0; }\n")
    if not compile_c(*SANITIZERS, str(probe), "-o", program):
        pytest.skip("there is no gcc with sanitizers")
    parts = [str(CORE / f"{part}.c") for part in ("contexts", "symbols", "walk")]
    fuzz = str(ROOT / "tests/fuzz/core.c")
    assert compile_c("-O1", "-g", *SANITIZERS, f"-I{CORE}", fuzz, *parts, "-lm", "-o", program)
    done = subprocess.run([program, "0", "3000"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("3000 executions")
