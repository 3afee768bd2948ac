"""Try a decoder on the files of this folder: what it must decode, and what it must refuse.

    python conformance/run.py 'lic decode {file} -m {model} -o {output}'
    python conformance/run.py 'mine {file} {model} {output}' --latents 'mine --latents {file} {model} {output}'

The command decodes the .lic file {file}, which needs the model {model}, to the PNG file {output}. README.md says what
is compared. Needs Pillow, and nothing of `lic`.
"""

import argparse
import hashlib
import json
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

FOLDER = Path(__file__).parent
MANIFEST: dict[str, dict[str, Any]] = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
INEXACT: list[str] = []  # files whose pixels are not those of the manifest; they may differ by one grey level
PATIENCE = 60  # seconds for a file


class Failed(Exception):
    """A decoder does other than it must."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def decoded(command: str, file: Path, model: str, output: Path) -> bytes | None:
    """The bytes that a decoder writes; None if it refuses the file."""
    places = {"file": file, "model": FOLDER / f"{model}.safetensors", "output": output}
    words = [word.format(**places) for word in shlex.split(command)]
    try:
        done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"takes more than {PATIENCE} s") from error
    if done.returncode < 0:
        raise Failed(f"dies by signal {-done.returncode}")
    if done.returncode and output.exists():
        raise Failed("refuses the file, and leaves an output")
    if not done.returncode and not output.exists():
        raise Failed("ends with 0, without an output")
    return None if done.returncode else output.read_bytes()


def check_picture(output: Path, told: dict[str, Any]) -> bool:
    """Size and mode, and what is lossless; returns whether all pixels are exact."""
    with Image.open(output) as picture:
        if [*picture.size] != told["size"] or picture.mode != told["mode"]:
            raise Failed(f"gives {picture.mode} of {picture.size}, not {told['mode']} of {tuple(told['size'])}")
        exact = sha256(picture.tobytes()) == told["pixels"]
        if not exact and not told["latents"]:
            raise Failed("gives other pixels")
        if told["alpha"] and sha256(picture.getchannel("A").tobytes()) != told["alpha"]:
            raise Failed("gives another transparency")
    return exact


def accept(name: str, told: dict[str, Any], command: str, latents: str | None, folder: Path) -> None:
    file, picture, numbers = FOLDER / f"{name}.lic", folder / "picture.png", folder / "latents"
    if decoded(command, file, told["model"], picture) is None:
        raise Failed("is refused")
    if not check_picture(picture, told):
        INEXACT.append(name)
    if latents and told["latents"] and sha256(decoded(latents, file, told["model"], numbers) or b"") != told["latents"]:
        raise Failed("gives other latents")


def refuse(name: str, error: str, command: str, folder: Path) -> None:
    if decoded(command, FOLDER / "refused" / f"{name}.lic", "golden-plain", folder / "picture.png") is not None:
        raise Failed(f"is decoded; it should be refused: {error}")


def failures(command: str, latents: str | None = None) -> Iterator[str]:
    """A line for each file that a decoder does not treat as it must."""
    tasks = [(accept, (name, told, command, latents)) for name, told in MANIFEST["files"].items()]
    tasks += [(refuse, (name, error, command)) for name, error in MANIFEST["refused"].items()]  # type: ignore[list-item]
    for check, arguments in tasks:
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(*arguments, Path(folder))  # type: ignore[arg-type]
            except (Failed, OSError) as error:
                yield f"{arguments[0]}: {error}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", help="decodes {file} with {model} to the PNG file {output}")
    about = "writes the latents, channels x rows x columns, as little-endian int32"
    parser.add_argument("--latents", metavar="COMMAND", help=about)
    options = parser.parse_args()
    found = 0
    for line in failures(options.command, options.latents):
        found += 1
        print(line, flush=True)
    count = len(MANIFEST["files"]) + len(MANIFEST["refused"])
    print(f"{count - found} of {count} files are treated as they must be")
    print(f"pixels differ in: {', '.join(INEXACT)}" if INEXACT else "the decoder is exact")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
