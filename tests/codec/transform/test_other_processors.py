"""The core gives the same bits on other processors and by other compilers, in emulators: files, pixels and slopes.

And clang-cl, which makes it for Windows, takes its sources.
"""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from lic.codec.encode.pipeline import encode_picture
from lic.codec.model.catalogue import find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.operating_point import Look
from lic.codec.model.packed import pack_encoder, pack_model
from lic.codec.picture.reading import read_image
from lic.codec.transform.core_engine import CoreEngine
from lic.codec.transform.core_stream import packed
from tests.codec.transform.random_models import POSITION, random_model, random_pixels, with_filter

FOLDER = Path(__file__).parent
CORE = FOLDER.parents[2] / "codec" / "core"
SOURCES = sorted(path for path in CORE.glob("*.c") if not path.stem.endswith("module"))
EXACT = ["-std=gnu11", "-ffp-contract=off", f"-I{CORE}", f"-I{FOLDER / 'without_zlib'}"]
PROGRAMS = FOLDER / "driver.c", CORE / "examples/lic2ppm.c", CORE / "examples/ppm2lic.c"
GOLDEN = FOLDER.parents[2] / "conformance"
FILES = json.loads((GOLDEN / "manifest.json").read_text(encoding="utf-8"))["files"]
DECODED = "contexts", "between-points", "filter-adjusted", "grey", "escapes"

ByteOrder = Literal["<", ">"]


class Machine(NamedTuple):
    compiler: list[str]
    linker: list[str]
    emulator: list[str]
    byte_order: ByteOrder = "<"


def by_gcc(name: str, emulator: str, byte_order: ByteOrder = "<") -> Machine:
    return Machine([f"{name}-gcc", "-O2"], [f"{name}-gcc", "-static"], [emulator] if emulator else [], byte_order)


SANITIZED = ["gcc", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
WINDOWS = ["clang", "--target=x86_64-w64-windows-gnu", "-O2", "-D__USE_MINGW_ANSI_STDIO"]
MACHINES = {
    "ARM": by_gcc("aarch64-linux-gnu", "qemu-aarch64"),
    "ARM of 32 bits": by_gcc("arm-linux-gnueabihf", "qemu-arm"),
    "big-endian": by_gcc("s390x-linux-gnu", "qemu-s390x", ">"),
    "Windows": Machine(WINDOWS, ["x86_64-w64-mingw32-gcc", "-static"], ["wine"]),
    "clang": Machine(["clang", "-O2"], ["clang"], []),
    "sanitizers": Machine(SANITIZED, SANITIZED, []),
}


class Programs(NamedTuple):
    folder: Path
    emulator: list[str]
    byte_order: ByteOrder

    def run(self, name: str, *arguments: str | Path) -> None:
        quiet = os.environ | {"ASAN_OPTIONS": "detect_leaks=0", "WINEDEBUG": "-all"}
        subprocess.run([*self.emulator, f"./{name}.exe", *map(str, arguments)], check=True, cwd=self.folder, env=quiet)


@pytest.fixture(scope="module", params=MACHINES)
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The core, compiled for a machine, in a program of ours and in the examples."""
    machine = MACHINES[request.param]
    for needed in (machine.compiler[0], machine.linker[0], *machine.emulator):
        if not shutil.which(needed):
            pytest.skip(f"{needed} is not installed")
    folder = tmp_path_factory.mktemp("machine")
    subprocess.run([*machine.compiler, *EXACT, "-c", *map(str, [*SOURCES, *PROGRAMS])], check=True, cwd=folder)
    objects = [f"{source.stem}.o" for source in SOURCES]
    for name in (path.stem for path in PROGRAMS):
        command = [*machine.linker, f"{name}.o", *objects, "-lm", "-o", f"{name}.exe"]
        subprocess.run(command, check=True, cwd=folder)
    return Programs(folder, machine.emulator, machine.byte_order)


def write_packed(model: FrozenModel, folder: Path) -> None:
    """Without compression: there is no zlib for these machines."""
    (folder / "model").write_bytes(gzip.decompress(pack_model(model)))
    (folder / "encoder").write_bytes(gzip.decompress(pack_encoder(model)))


@pytest.mark.slow
def test_golden_files_decode_to_their_pixels(programs: Programs) -> None:
    for name in DECODED:
        write_packed(find_model(GOLDEN / f"{FILES[name]['model']}.safetensors").load(), programs.folder)
        programs.run("lic2ppm", "model", GOLDEN / f"{name}.lic", "made.ppm")
        pixels = (programs.folder / "made.ppm").read_bytes().split(b"\n", 3)[3]
        assert hashlib.sha256(pixels).hexdigest() == FILES[name]["pixels"], name


@pytest.mark.slow
def test_files_are_those_of_this_processor(programs: Programs) -> None:
    model, pixels = find_model(GOLDEN / "golden-contexts.safetensors").load(), random_pixels(75, 91)
    model = with_filter(model)
    write_packed(model, programs.folder)
    (programs.folder / "picture.ppm").write_bytes(b"P6\n91 75\n255\n" + pixels.tobytes())
    for position in (0, 100, 300, model.last_position):
        programs.run("ppm2lic", "model", "encoder", str(position), "picture.ppm", "made.lic")
        assert (programs.folder / "made.lic").read_bytes() == encode_picture(read_image(pixels), model, position)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["balle2017", "residual"])
def test_bits_are_those_of_this_processor(programs: Programs, kind: str) -> None:
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
    order = programs.byte_order
    (programs.folder / "input").write_bytes(as_bytes(parts, order))
    programs.run("driver", "input", "output")
    engine = CoreEngine(model)
    symbols, quick = (
        np.concatenate([*engine.encode(pixels, point, Look(point.second_look, quick))], axis=1)
        for quick in (False, True)
    )
    decoded = np.concatenate([*engine.decode([symbols], 0, point, (90, 70), (0, 0, 90, 70))])
    preview = np.concatenate([*engine.decode([quick], 0, point, (90, 70), (0, 0, 90, 70), 4, preview=True)])
    expected = [symbols, decoded, *engine.slopes(symbols, pixels, point, slice(0, 5)), quick, preview]
    assert (programs.folder / "output").read_bytes() == as_bytes(expected, order)


def as_bytes(arrays: list[NDArray[Any]], order: ByteOrder) -> bytes:
    return b"".join(array.astype(array.dtype.newbyteorder(order)).tobytes() for array in arrays)


# Declared here, since there are no headers of Windows; those with the vector types are the compiler's own.
WINDOWS_HEADERS = {
    "stdlib.h": "void *malloc(size_t); void *calloc(size_t, size_t); void free(void *);",
    "string.h": "void *memcpy(void *, const void *, size_t); void *memset(void *, int, size_t);"
    "int memcmp(const void *, const void *, size_t);",
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
