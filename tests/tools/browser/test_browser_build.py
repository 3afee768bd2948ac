"""The WebAssembly modules are made of the sources beside them, and what a browser fetches is small."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lic.tools.pages.viewer import BROWSER, ENGINES, engine_files, module

ROOT = Path(__file__).parents[3]
BUILD = ROOT / ".ci" / "wasm"
pytestmark = pytest.mark.skipif(not BUILD.exists(), reason="the sdist does not have the script that builds the modules")
NOTE = re.compile(rb"lic sources ([0-9a-f]{64}) (clang [0-9.]+)")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for program in ("bash", "clang", "wasm-ld"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed, which compiles to WebAssembly")
    folder = tmp_path_factory.mktemp("built")
    subprocess.run(["bash", str(BUILD), str(folder)], check=True)
    return folder


def note(module: Path) -> tuple[bytes, bytes]:
    """The digest of the sources that a module was made of, and the compiler."""
    found = NOTE.search(module.read_bytes())
    assert found
    return found[1], found[2]


def digest_of_the_sources() -> str:
    """As .ci/wasm computes it."""
    line = next(line for line in BUILD.read_text().splitlines() if line.startswith("sources="))
    script = f'{line}; cat .ci/wasm "${{sources[@]}}" | sha256sum'
    return subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout[:64]


@pytest.mark.parametrize("name", ENGINES)
def test_the_modules_are_made_of_these_sources(name: str) -> None:
    if not (shutil.which("bash") and shutil.which("sha256sum")):
        pytest.skip("needs bash and sha256sum")
    assert note(BROWSER / name)[0].decode() == digest_of_the_sources(), "run .ci/wasm and commit what it makes"


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
def test_the_same_compiler_makes_the_same_bytes(name: str, built: Path) -> None:
    (_, ours), (_, theirs) = note(BROWSER / name), note(built / name)
    if ours != theirs:
        pytest.skip(f"the modules were made by {ours.decode()}, here is {theirs.decode()}")
    assert (built / name).read_bytes() == (BROWSER / name).read_bytes()


@pytest.mark.parametrize("other", ENGINES)
def test_what_a_browser_fetches_is_small(other: str) -> None:
    """One of the two modules, and all scripts."""
    files = {name: data for name, data in engine_files().items() if name != other}
    scripts = [module().encode(), (BROWSER / "lic-service-worker.js").read_bytes()]
    assert sum(map(len, [*files.values(), *scripts])) < 202_000
