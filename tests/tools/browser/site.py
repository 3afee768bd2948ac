"""A web site with .lic files, on this computer, for tests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STRICT = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'"


@contextmanager
def running(server: HTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Site:
    """Files of a folder, and the policy and other headers that its server sends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = ""
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []  # paths, in the order in which they were asked for
        self._pages = 0

    def page(self, body: str, head: str = "", module: str = "") -> str:
        """A page with a module, which is a file of its own; its address."""
        self._pages += 1  # each has a name of its own, since browsers keep pages
        name = f"page-{self._pages}"
        (self.folder / f"{name}.js").write_text(module)
        text = f'<!doctype html><html lang="en"><title>t</title>{head}<body>{body}'
        (self.folder / f"{name}.html").write_text(f'{text}<script type="module" src="{name}.js"></script>')
        return f"{self.address}{name}.html"


@contextmanager
def serving(folder: Path) -> Iterator[Site]:
    site = Site(folder)

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            super().do_GET()

        def end_headers(self) -> None:
            for name, value in site.headers.items():
                self.send_header(name, value)
            super().end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with running(ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))) as address:
        site.address = address
        yield site
