"""The core gives the same bits on other processors and by other compilers: ARM in an emulator, clang, sanitizers.

And clang-cl, which makes it for Windows, takes its sources.
"""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lic.codec.model.operating_point import Look
from lic.codec.transform.core_engine import CoreEngine
from lic.codec.transform.core_stream import packed
from tests.codec.transform.random_models import POSITION, random_model, random_pixels, with_filter

FOLDER = Path(__file__).parent
CORE = FOLDER.parents[2] / "codec" / "core"
SOURCES = sorted(path for path in CORE.glob("*.c") if not path.stem.endswith("module"))
EXACT = ["-std=c11", "-ffp-contract=off", f"-I{CORE}"]
# The compiler with its options, and what runs its programs.
MACHINES = {
    "ARM": (["aarch64-linux-gnu-gcc", "-O3", "-static"], ["qemu-aarch64"]),
    "clang": (["clang", "-O2"], []),
    "sanitizers": (["gcc", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"], []),
}


@pytest.fixture(scope="module", params=MACHINES)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that runs the core, compiled for a machine."""
    compiler, emulator = MACHINES[request.param]
    for needed in (compiler[0], *emulator):
        if not shutil.which(needed):
            pytest.skip(f"{needed} is not installed")
    path = str(tmp_path_factory.mktemp("machine") / "driver")
    subprocess.run([*compiler, *EXACT, str(FOLDER / "driver.c"), *map(str, SOURCES), "-lm", "-o", path], check=True)
    return [*emulator, path]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["balle2017", "residual"])
def test_bits_are_those_of_this_processor(program: list[str], kind: str, tmp_path: Path) -> None:
    model, pixels = with_filter(random_model(kind, 20, 37)), random_pixels(70, 90)
    point, (sizes, values) = model.at(POSITION), packed(model)
    of_channels = [
        np.ascontiguousarray(np.zeros(37) if array is None else array, np.float32)
        for array in (point.gain, point.inverse_gain, point.trust, model.unscale)
    ]
    head = np.array([90, 70, 37, len(sizes), len(values), point.trust is not None], np.int32)
    share = np.array([point.second_look], np.float32)
    assert point.filter is not None
    parts = [head, sizes, values, *of_channels, share, point.filter.astype(np.int16), pixels]
    (tmp_path / "input").write_bytes(b"".join(part.tobytes() for part in parts))
    command = [*program, str(tmp_path / "input"), str(tmp_path / "output")]
    subprocess.run(command, check=True, env=os.environ | {"ASAN_OPTIONS": "detect_leaks=0"})
    engine = CoreEngine(model)
    symbols, quick = (
        np.concatenate([*engine.encode(pixels, point, Look(point.second_look, quick))], axis=1)
        for quick in (False, True)
    )
    decoded = np.concatenate([*engine.decode([symbols], 0, point, (90, 70), (0, 0, 90, 70))])
    preview = np.concatenate([*engine.decode([quick], 0, point, (90, 70), (0, 0, 90, 70), 4, preview=True)])
    expected = [symbols, decoded, *engine.slopes(symbols, pixels, point, slice(0, 5)), quick, preview]
    assert (tmp_path / "output").read_bytes() == b"".join(array.tobytes() for array in expected)


# Declared here, since there are no headers of Windows; those with the vector types are the compiler's own.
WINDOWS_HEADERS = {
    "stdlib.h": "void *malloc(size_t); void *calloc(size_t, size_t); void free(void *);",
    "string.h": "void *memcpy(void *, const void *, size_t); void *memset(void *, int, size_t);",
    "math.h": "double sqrt(double); double floor(double);",
    "malloc.h": "",
    "windows.h": "int SwitchToThread(void);",
}


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_compiler_for_windows_takes_the_core(source: Path, tmp_path: Path) -> None:
    if not shutil.which("clang"):
        pytest.skip("clang is not installed")
    for name, declarations in WINDOWS_HEADERS.items():
        (tmp_path / name).write_text(f"#include <stddef.h>\n{declarations}\n", encoding="utf-8")
    as_clang_cl = ["clang", "--driver-mode=cl", "--target=x86_64-pc-windows-msvc", "/std:c11", "/WX"]
    command = [*as_clang_cl, "-imsvc", str(tmp_path), "/Zs", str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
