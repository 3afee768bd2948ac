"""`lic view`: .lic files in the browser, without a page being written."""

import argparse
import webbrowser

from lic.tools.pages.server import LOOPBACK, make_server, serve
from lic.tools.pages.viewer import read_pictures
from lic.tools.usage import positive

LAST_PORT = 2**16 - 1
EXAMPLES = """\
examples:
  lic view photo.lic          opens the browser, which decodes and shows the picture
  lic view                    an empty page, to drop .lic files on; all installed models are there

Only this computer can reach the page. Ctrl-C ends it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic view [FILE.lic ...] [--port N] [--idle MINUTES] [--no-browser]"
    parser.epilog = EXAMPLES
    parser.add_argument("inputs", nargs="*", metavar="FILE", help=".lic files")
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="of the address (default: a free one)")
    about = "end after so long without a request, as for a viewer without a terminal"
    parser.add_argument("--idle", type=positive, metavar="MINUTES", help=about)
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"give a number from 0 to {LAST_PORT}, not {text!r}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    with make_server(read_pictures(args.inputs), args.port) as server:
        address = f"http://{LOOPBACK}:{server.server_port}/"
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        if not args.no_browser:
            webbrowser.open(address)
        try:
            serve(server, args.idle and 60 * args.idle)
        except KeyboardInterrupt:
            print()
    return 0
