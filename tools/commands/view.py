"""`lic view`: .lic files in the browser, without a page being written."""

import argparse
import webbrowser

from lic.tools.pages.server import LOOPBACK, make_server
from lic.tools.pages.viewer import read_pictures

EXAMPLES = """\
examples:
  lic view photo.lic          opens the browser, which decodes and shows the picture
  lic view                    an empty page, to drop .lic files on; all installed models are there

Only this computer can reach the page. Ctrl-C ends it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lic view [FILE.lic ...] [--port N] [--no-browser]"
    parser.epilog = EXAMPLES
    parser.add_argument("inputs", nargs="*", metavar="FILE", help=".lic files")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="of the address (default: a free one)")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def run(args: argparse.Namespace) -> int:
    with make_server(read_pictures(args.inputs), args.port) as server:
        address = f"http://{LOOPBACK}:{server.server_port}/"
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        if not args.no_browser:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0
