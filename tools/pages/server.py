"""The server of `lic view`: the viewer's page, the decoder, and models as they are needed, for this computer only."""

import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lic.codec.errors import LicError
from lic.codec.model.catalogue import find_model, list_models
from lic.codec.model.packed import SUFFIX, pack_model
from lic.tools.pages.viewer import (
    EXAMPLE_FILE,
    MODULE,
    Picture,
    example_by,
    module,
    picture_files,
    served_engine_files,
    served_page,
)

LOOPBACK = "127.0.0.1"
TYPES = {"html": "text/html; charset=utf-8", "js": "text/javascript", "wasm": "application/wasm"}
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}  # for threads
Contents = dict[str, Callable[[], bytes]]  # by the path of a request


def make_server(pictures: Sequence[Picture], port: int) -> "_Server":
    """A server on the loopback interface, of the names below and nothing else; port 0 stands for any free one."""
    whole = {"index.html": served_page(pictures).encode(), MODULE: module().encode()}
    whole |= served_engine_files() | picture_files(pictures)
    contents: Contents = {f"/{name}": partial(bytes, data) for name, data in whole.items()}
    contents["/"] = contents["/index.html"]
    contents[f"/{EXAMPLE_FILE}"] = cache(lambda: example_by(find_model().load()))
    for file in list_models():
        contents[f"/{file.fingerprint.hex()}{SUFFIX}"] = cache(lambda file=file: pack_model(file.load()))
    return _Server((LOOPBACK, port), partial(_Handler, contents))


def serve(server: "_Server", idle: float | None = None) -> None:
    """Answer requests, for ever or until there are none for `idle` seconds."""
    server.timeout = idle
    while not server.idle:
        server.handle_request()


class _Server(ThreadingHTTPServer):
    idle = False

    def handle_timeout(self) -> None:
        self.idle = True

    def handle_error(self, request: object, address: object) -> None:
        """A browser that has gone away in the middle of an answer is no news; everything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, contents: Contents, *arguments: object) -> None:
        self.contents = contents
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        # Another site's name may be made to point here, and the browser would take this for that site's server.
        if self.headers.get("Host", "").rpartition(":")[0] not in (LOOPBACK, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN, "ask for localhost")
        elif self.path not in self.contents:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            try:
                body = self.contents[self.path]()
            except LicError as error:  # a model that is damaged; the page shows the reason
                reason = str(error).encode("ascii", "replace").decode()
                self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, reason)
                return
            self.send_response(HTTPStatus.OK)
            name = "index.html" if self.path == "/" else self.path
            self.send_header("Content-Type", TYPES.get(name.rpartition(".")[2], "application/octet-stream"))
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            for header, value in ISOLATED.items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing is logged: the terminal belongs to the command."""
