"""`lic edit`: changes metadata in .lic files; the pictures stay as they are."""

import argparse
import io
import sys
from pathlib import Path
from typing import Any

from lic.codec.errors import LicError
from lic.codec.picture.metadata import KINDS
from lic.tools.batch import storage
from lic.tools.usage import UsageError, add_force, check_output, describe, in_flags, printable

EXAMPLES = """\
examples:
  lic edit photo.lic --strip gps                      without the place
  lic edit *.lic --strip exif,xmp                     several files
  lic edit photo.lic --rotate 90 -o turned.lic        clockwise, into another file
  lic edit photo.lic --set-exif photo.jpg             the EXIF of another picture

The files themselves are changed unless -o names another one. Pictures are neither decoded nor encoded again.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic edit FILE.lic... [--strip [KIND,...]] [--rotate DEGREES] [--set-exif FILE] [-o OUT]"
    parser.epilog = EXAMPLES
    parser.add_argument("inputs", nargs="+", metavar="FILE", help=".lic files")
    parser.add_argument("-o", "--output", metavar="OUT", help="the new file, of a single one; changed in place without")
    about = f"leave metadata out: some of {','.join(KINDS)}; all if none is named"
    parser.add_argument("--strip", nargs="?", const=True, default=False, metavar="KIND,...", help=about)
    about = "turn how the picture is shown: 90, 180 or 270, clockwise"
    parser.add_argument("--rotate", type=int, choices=(90, 180, 270), default=0, metavar="DEGREES", help=about)
    about = "take the EXIF of this picture, or that in this file"
    parser.add_argument("--set-exif", metavar="FILE", help=about)
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    from lic.codec.editing import edit

    if not (args.strip or args.rotate or args.set_exif):
        raise UsageError("nothing to do: give --strip, --rotate or --set-exif")
    if args.output and len(args.inputs) > 1:
        raise UsageError("several files cannot become one: leave --output out to change them in place")
    if args.output:
        check_output(args.output, ".lic", force=args.force)
    changes: dict[str, Any] = {"strip": args.strip, "rotate": args.rotate}
    if args.set_exif:
        changes["metadata"] = {"exif": exif_in(args.set_exif)}
    failures = 0
    for name in args.inputs:
        try:
            data = edit(storage.read(name), **changes)
            storage.write(args.output or name, data, replace=not args.output or args.force)
        except (LicError, OSError) as error:
            print(printable(f"{name}: {in_flags(describe(error))}"), file=sys.stderr)
            failures += 1
    return 1 if failures else 0


def exif_in(path: str) -> bytes:
    """The EXIF of a picture, or a file that is EXIF itself."""
    from PIL import Image, UnidentifiedImageError

    data = Path(path).read_bytes()
    if data.startswith((b"Exif\0\0", b"II*\0", b"MM\0*")) and not path.lower().endswith((".tif", ".tiff")):
        return data
    try:
        with Image.open(io.BytesIO(data)) as image:
            found = image.info.get("exif")
    except UnidentifiedImageError as error:
        raise UsageError(f"{path} is neither a picture nor EXIF") from error
    if not found:
        raise UsageError(f"{path} has no EXIF")
    return bytes(found)
