"""A short run of the program that tries the coder in C under sanitizers; core.c says how to make long ones."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def compile_c(*arguments: str) -> bool:
    try:
        return subprocess.run(["gcc", "-std=c11", *arguments], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("name", "folder", "sources", "runs"),
    [("core.c", "codec/core", ["codec/core/core.c"], 3000)],
)
def test_sanitizers_find_nothing(name: str, folder: str, sources: list[str], runs: int, tmp_path: Path) -> None:
    probe, program = tmp_path / "probe.c", str(tmp_path / "fuzz")
    probe.write_text("int main(void) { return 0; }\n")
    if not compile_c(*SANITIZERS, str(probe), "-o", program):
        pytest.skip("there is no gcc with sanitizers")
    parts = [str(ROOT / part) for part in (f"tests/fuzz/{name}", *sources)]
    assert compile_c("-O1", "-g", *SANITIZERS, f"-I{ROOT / folder}", *parts, "-lm", "-o", program)
    done = subprocess.run([program, "0", str(runs)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{runs} executions")
