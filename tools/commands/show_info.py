"""`lic info`: size, quality, model and sections of a .lic file."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from lic.codec.errors import LicError
from lic.codec.file.container import POSITIONS
from lic.codec.info import Info, read_info
from lic.codec.model.catalogue import list_models
from lic.tools.batch import storage
from lic.tools.usage import UsageError, describe, printable, redacted

# What the sections hold; codec/FORMAT.md
CONTENTS = {
    "L": "latents",
    "S": "pixels",
    "W": "pixels, lossless WebP",
    "A": "transparency",
    "F": "filter",
    "e": "EXIF",
    "i": "colour profile",
    "p": "colour profile",
    "x": "XMP",
    "d": "resolution",
    "t": "text",
}
LOSSLESS = frozenset("SW")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="+", metavar="FILE", help=".lic files, or folders of them; - is standard input")
    parser.add_argument("-r", "--recursive", action="store_true", help="look into subfolders, too")
    parser.add_argument("--json", action="store_true", help="one JSON object per file and line")


def run(args: argparse.Namespace) -> int:
    failures = 0
    for name in files_of(args.inputs, args.recursive):
        try:
            info = read_info(storage.read(name))
        except (LicError, OSError) as error:
            print(printable(f"{name}: {describe(error)}"), file=sys.stderr)
            failures += 1
            continue
        facts = dataclasses.asdict(info) | _rate(info) | _content(info)
        if facts["lossless"]:
            facts |= {"quality": None, "lambda": None}
        print(json.dumps({"file": redacted(name)} | facts) if args.json else _text(printable(name), facts))
    return 1 if failures else 0


def files_of(names: Iterable[str], recursive: bool) -> Iterator[str]:
    """Files as given, and the .lic files in folders."""
    for name in names:
        if not storage.is_folder(name):
            yield name
            continue
        found = [path for path in storage.files_in(name, recursive) if path.lower().endswith(".lic")]
        if not found:
            more = "" if recursive else "; --recursive looks into subfolders, too"
            raise UsageError(f"no .lic files in {name}{more}")
        yield from (storage.with_path(name, storage.path_of(name) / path) for path in found)


def _content(info: Info) -> dict[str, Any]:
    """The contents of the sections, by names, and whether the file is lossless."""
    sizes = {CONTENTS.get(tag, f"section {tag}"): size for tag, size in info.sections.items() if size}
    return {"content": sizes, "lossless": not LOSSLESS.isdisjoint(info.sections)}


def _rate(info: Info) -> dict[str, Any]:
    """Quality and lambda, if the model is installed."""
    for file in list_models():
        if file.fingerprint.hex() == info.model:
            point, fine = divmod(info.position, POSITIONS)
            known: dict[str, Any] = {"model_name": file.name}
            at_point = not fine and info.quality is not None
            return known | ({"lambda": file.card["lambdas"][point]} if at_point else {})
    return {"model_name": None}


def _text(name: str, facts: dict[str, Any]) -> str:
    width, height = facts["size"]
    sections = (f"{what} {size:,}" for what, size in facts["content"].items())
    lines = [
        f"{name}",
        f"  picture   {width} x {height}, {facts['mode']}",
        f"  bytes     {facts['bytes']:,} ({facts['bits_per_pixel']:.4f} bits per pixel)",
    ]
    if facts["model_name"]:
        quality = f"rate position {facts['position']} is not in its model"
        if facts["quality"] is not None:
            quality = f"{facts['quality']:g}" + (f", lambda {facts['lambda']:g}" if "lambda" in facts else "")
        lines.append(f"  quality   {'lossless' if facts['lossless'] else quality}")
        lines.append(f"  model     {facts['model']} ({printable(facts['model_name'])})")
    else:
        lines.append(f"  model     {facts['model']} (not found here)")
    lines.append(f"  content   {', '.join(sections)} bytes")
    lines.append(f"  format    version {facts['version']}")
    return "\n".join(lines)
