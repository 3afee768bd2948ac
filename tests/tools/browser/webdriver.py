"""Firefox, driven by its Marionette over a socket, and WebKit, driven by the WebDriver protocol over HTTP."""

import base64
import contextlib
import json
import os
import platform
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.tools.browser.chromium import WAIT

PATIENCE = 300  # seconds: on a busy machine, a test takes many times as long as on an idle one
MINI_BROWSER = f"/usr/lib/{platform.machine()}-linux-gnu/webkit2gtk-4.1/MiniBrowser"
PREFERENCES = {
    "marionette.port": 0,  # any free one, which it writes down
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}

# An asynchronous function's value, or the error that it throws.
SCRIPT = """
  const done = arguments[arguments.length - 1];
  (async () => { %s })().then((value) => done({ value }), (error) => done({ error: `${error}\\n${error.stack}` }));
"""

Send = Callable[[str, str, dict[str, Any]], Any]  # a command's name in Marionette, and in HTTP, and its parameters


class Page:
    """A page in a browser."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._send("WebDriver:SetTimeouts", "timeouts", {"script": 1000 * PATIENCE, "pageLoad": 1000 * PATIENCE})

    def open(self, url: str) -> None:
        """Load a page, to its end."""
        self._send("WebDriver:Navigate", "url", {"url": url})

    def run(self, script: str) -> Any:
        """The value of the body of an asynchronous function in the page."""
        said = self._send("WebDriver:ExecuteAsyncScript", "execute/async", {"script": SCRIPT % script, "args": []})
        if "error" in said:
            raise RuntimeError(said["error"])
        return said.get("value")

    def wait_for(self, condition: str) -> None:
        """Until an expression in the page is true."""
        self.run(WAIT.replace("CONDITION", condition))

    def screenshot(self, path: Path) -> None:
        """A picture of the page."""
        path.write_bytes(base64.b64decode(self._send("WebDriver:TakeScreenshot", "screenshot", {})))


def wait_until(found: Callable[[], Any]) -> Any:
    """What a program that starts brings about."""
    for _ in range(20 * PATIENCE):
        if result := found():
            return result
        time.sleep(0.05)
    raise RuntimeError(f"the browser has not started within {PATIENCE} s")


@contextmanager
def running(command: list[str], **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program, ended afterwards."""
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(command, **(streams | more)) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def firefox(program: str, profile: Path) -> Iterator[Page]:
    """Firefox without a window, with one page."""
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items())
    (profile / "user.js").write_text("".join(lines))
    port = profile / "MarionetteActivePort"
    home = os.environ | {"HOME": str(profile)}
    with running([program, "--headless", "--marionette", "--no-remote", "--profile", str(profile)], env=home):
        wait_until(lambda: port.exists() and port.read_text())
        with socket.create_connection(("127.0.0.1", int(port.read_text())), PATIENCE) as connection:
            stream = connection.makefile("rb")

            def receive() -> Any:
                length = b""
                while (digit := stream.read(1)) != b":":
                    if not digit:
                        raise RuntimeError("the browser has ended")
                    length += digit
                return json.loads(stream.read(int(length)))

            def send(name: str, path: str, parameters: dict[str, Any]) -> Any:
                message = json.dumps([0, 1, name, parameters]).encode()
                connection.sendall(str(len(message)).encode() + b":" + message)
                _, _, error, result = receive()
                if error:
                    raise RuntimeError(f"{name}: {error['message']}")
                return result.get("value", result)

            receive()  # its greeting
            send("WebDriver:NewSession", "", {})
            yield Page(send)


@contextmanager
def webkit(program: str, profile: Path) -> Iterator[Page]:
    """WebKit's small browser on a display of its own, with one page."""
    read, write = os.pipe()
    with running(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24"], pass_fds=(write,)):
        os.close(write)
        with open(read) as answer:
            display = f":{answer.readline().strip()}"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        own = {"DISPLAY": display, "HOME": str(profile), "GDK_BACKEND": "x11", "LIBGL_ALWAYS_SOFTWARE": "1"}
        with running([program, f"--port={port}"], env=os.environ | own):
            root = f"http://127.0.0.1:{port}/session"

            def ask(url: str, parameters: dict[str, Any] | None, method: str = "") -> Any:
                body = None if parameters is None else json.dumps(parameters).encode()
                request = urllib.request.Request(url, body, method=method or ("POST" if body else "GET"))
                try:
                    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                        return json.load(answer)["value"]
                except urllib.error.HTTPError as error:
                    raise RuntimeError(f"{url}: {error.read().decode()}") from error

            def listens() -> bool:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    return True
                return False

            wait_until(listens)
            options = {"binary": MINI_BROWSER, "args": ["--automation"]}
            wanted = {"browserName": "MiniBrowser", "webkitgtk:browserOptions": options}
            session = f"{root}/{ask(root, {'capabilities': {'alwaysMatch': wanted}})['sessionId']}"

            def send(name: str, path: str, parameters: dict[str, Any]) -> Any:
                return ask(f"{session}/{path}", parameters or None)

            yield Page(send)
            ask(session, None, "DELETE")
