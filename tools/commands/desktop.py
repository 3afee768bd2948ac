"""`lic desktop`: file managers open .lic files in `lic view`, and on Linux show thumbnails of them."""

import argparse
import os
import sys

from lic.tools import desktop_files
from lic.tools.batch import storage
from lic.tools.files import write_whole
from lic.tools.usage import UsageError, add_force, positive, printable

EXAMPLES = """\
examples:
  lic desktop --install       for file managers of the freedesktop kind (GNOME, Xfce, MATE and others), and Windows
  lic desktop --uninstall     removes what it has installed
  lic desktop                 only says what that is

On freedesktop desktops these are three files in XDG_DATA_HOME, or ~/.local/share. Where thumbnails are made in a
sandbox that sees only /usr, as in GNOME, lic has to be installed there. On Windows they are entries of the user's
registry, without thumbnails.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic desktop [--install | --uninstall]"
    parser.epilog = EXAMPLES
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--install", action="store_true", help="write the files, or entries of the registry")
    what.add_argument("--uninstall", action="store_true", help="remove them")
    about = "a PNG picture of at most SIZE x SIZE, whatever it is called: what thumbnailers ask for"
    what.add_argument("--thumbnail", nargs=3, metavar=("SIZE", "IN", "OUT"), help=about)
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    if args.thumbnail:
        size, source, target = args.thumbnail
        return make_thumbnail(size, source, target, args.force)
    if sys.platform == "darwin":
        raise UsageError("macOS knows viewers only as applications, which lic has not: open .lic files by `lic view`")
    if sys.platform == "win32":
        return change_registry(args)
    if args.install or args.uninstall:
        for path in desktop_files.install(args.force) if args.install else desktop_files.uninstall():
            print(printable(f"{path}: {'written' if args.install else 'removed'}"))
        return 0
    for name, text in desktop_files.files_for().items():
        print(f"{printable(str(desktop_files.data_folder() / name))}:\n\n{text}")
    return 0


def change_registry(args: argparse.Namespace) -> int:
    if args.install or args.uninstall:
        desktop_files.register(desktop_files.registry_for() if args.install else desktop_files.REMOVAL)
        print(f"the registry's entries of .lic files: {'written' if args.install else 'removed'}")
    else:
        print(desktop_files.registry_for(), end="")
    return 0


def make_thumbnail(size: str, source: str, target: str, force: bool) -> int:
    from lic.tools.batch.jobs import Job  # not at the top: --help does without
    from lic.tools.batch.picture_files import decode_bytes

    try:
        side = positive(size)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"--thumbnail: {error}") from error
    job = Job(source, storage.STANDARD)  # which stands for PNG
    thumbnail = decode_bytes(storage.read(source), job, fit=(side, side), auto_orient=True)
    made_for_this = os.path.isfile(target) and not os.path.getsize(target)  # thumbnailers give empty files
    write_whole(target, thumbnail.data, replace=force or made_for_this)
    return 0
