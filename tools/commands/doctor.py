"""`lic doctor`: versions, the processor, the models found, and whether they work."""

import argparse
import hashlib
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version

from PIL import Image

from lic.codec.entropy import coder
from lic.codec.entropy.compiled import MISSING
from lic.codec.errors import LicError
from lic.codec.model.catalogue import damaged_models, list_models, model_folders
from lic.codec.picture.formats import REMEDIES, readable_extensions
from lic.codec.threads import threads, usable_cores
from lic.codec.transform.engine import choose_engine
from lic.tools.usage import describe, printable

LIBRARIES = ("lic-codec", "numpy", "pillow", "torch")
SIZE = (96, 128)  # of the picture that each model encodes and decodes
# SHA-256 of its file and its decoded pixels by the models that ship: the same on every machine.
DIGESTS = {
    "df5ea7a5": "e9be4be01cd1bbb992bedfcf62946a597d430688455e07b3b160427a8c50ba9f",
    "20ee6215": "88e3c7dcd1c3766755dbe46bebc64440f268fb1f57a630687368d52a3f61da5f",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "The exit code is 1 if something does not work. Put the output into a bug report."


def run(args: argparse.Namespace) -> int:
    import numpy as np

    print(f"python         {platform.python_version()} on {platform.platform()}")
    for name in LIBRARIES:
        print(f"{name:<14} {_version(name)}")
    instructions = np.show_config("dicts")["SIMD Extensions"]
    newest = [*instructions["baseline"], *instructions["found"]][-1]
    print(f"processor      {platform.machine()}, {usable_cores()} cores, {newest}")
    print(f"engine         {_engine()}")
    print(f"GPU            {_gpu()}")
    reason = f"that in C cannot be used: {MISSING}" if MISSING else f"{coder.VARIABLE} says so"
    print(f"coder          {coder.BACKEND}{f', which is slower ({reason})' if coder.BACKEND == 'numpy' else ''}")
    print(f"reads          {_formats()}")
    print(printable(f"models in      {os.pathsep.join(map(str, model_folders()))}"))
    return 1 if _check_models() else 0


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _engine() -> str:
    """The engine that runs the networks."""
    try:
        return f"{choose_engine()[0]}, {threads()} threads"
    except LicError as error:
        return str(error)


def _formats() -> str:
    """The formats of pictures that can be encoded, and what to do for those that are missing."""
    readable = readable_extensions()
    missing = (f"not {suffix} ({REMEDIES[suffix]})" for suffix in (".avif", ".heic", ".jxl") if suffix not in readable)
    return ", ".join([*sorted({Image.registered_extensions()[suffix] for suffix in readable}), *missing])


def _gpu() -> str:
    try:
        import torch
    except ImportError:
        return "none is used without torch"
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none (training and LIC_ENGINE=torch use one)"


def _check_models() -> int:
    """Encode and decode with each model; returns the number of problems."""
    import numpy as np

    from lic.codec.decoder import decode
    from lic.codec.encode.encoder import encode

    count = problems = 0
    y, x = np.indices(SIZE)
    picture = np.stack([x + y, x * y // 64, (x - y) ** 2 // 100], -1).astype(np.uint8)
    for file in list_models():
        count += 1
        start = time.perf_counter()
        try:
            data = encode(picture, quality=90, model=file.path, lossless=False)
            digest = hashlib.sha256(data + decode(data).tobytes()).hexdigest()
            result = f"works ({time.perf_counter() - start:.2f} s to load, encode and decode)"
            told = DIGESTS.get(file.fingerprint.hex())
            if told and choose_engine()[0] != "torch":  # whose pixels are not exact
                result += (
                    ", with exact pixels" if digest == told else ", but its pixels are not those of other machines"
                )
                problems += digest != told
        except Exception as error:  # models may fail in any way
            problems += 1
            result = describe(error)
        print(printable(f"  {file.name:<12} {file.fingerprint.hex()} {result}"))
    for damaged in damaged_models():
        problems += 1
        print(printable(f"  {damaged}"))
    if not count:
        print("  none: lic needs a model to encode or decode; reinstall it, or name a folder in LIC_MODELS")
    return problems or not count
