"""A browser that tests drive: Chromium without a window, over its debugging protocol and two pipes."""

import base64
import json
import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-renderer-backgrounding",  # without a window it would run below everything else
    "--disable-backgrounding-occluded-windows",
    "--remote-debugging-pipe",
)
END = b"\0"  # of a message
PATIENCE = 300  # seconds: on a busy machine, a test takes many times as long as on an idle one

WAIT = """
  for (let i = 0; !(CONDITION); i++) {
    if (i === 3000) throw new Error("it has not come about in a minute");
    await new Promise((done) => setTimeout(done, 20));
  }
"""


class Tab:
    """A page in the browser. What happens in it, but was not asked for, is kept in `events`."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._number, self._unread, self._session = 0, b"", ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One method of the protocol, and its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        rest = memoryview(json.dumps(message).encode() + END)
        while rest:
            rest = rest[os.write(self._commands, rest) :]
        while (answer := self._receive()).get("id") != self._number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return dict(answer["result"])

    def _receive(self) -> dict[str, Any]:
        while END not in self._unread:
            if not select.select([self._answers], [], [], PATIENCE)[0]:
                raise RuntimeError(f"the browser has not answered for {PATIENCE} s")
            piece = os.read(self._answers, 1 << 20)
            if not piece:
                raise RuntimeError("the browser has ended")
            self._unread += piece
        message, _, self._unread = self._unread.partition(END)
        return dict(json.loads(message))

    def open(self, url: str) -> None:
        """Load a page, to its end."""
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def run(self, script: str) -> Any:
        """The value of the body of an asynchronous function in the page."""
        expression = f"(async () => {{ {script} }})()"
        options = {"awaitPromise": True, "returnByValue": True, "userGesture": True}
        found = self.call("Runtime.evaluate", expression=expression, **options)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"].get("description", "the script failed"))
        return found["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Until an expression in the page is true."""
        self.run(WAIT.replace("CONDITION", condition))

    def errors(self) -> list[str]:
        """What the page, its worker and the browser have complained about."""
        said = []
        for event in self.events:
            details = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                said.append(str(details["exceptionDetails"]))
            if event.get("method") == "Log.entryAdded" and details["entry"]["level"] == "error":
                said.append(details["entry"]["text"])
        return said

    def screenshot(self, path: Path, width: int = 1280, height: int = 800, dark: bool = False) -> None:
        """A picture of the page in a window of that size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.run("await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));")
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextmanager
def chromium(program: str, profile: Path) -> Iterator[Tab]:
    """A browser with one page, ended afterwards."""
    commands_in, commands_out = os.pipe()
    answers_in, answers_out = os.pipe()
    # The browser reads from 3 and writes to 4. (Not every sh can copy descriptors above 9.)
    shell = ["bash", "-c", f'exec "$@" 3<&{commands_in} 4>&{answers_out}', "bash"]
    command = [*shell, program, *FLAGS, f"--user-data-dir={profile}"]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(command, pass_fds=(commands_in, answers_out), **streams) as process:  # type: ignore[call-overload]
        os.close(commands_in), os.close(answers_out)
        try:
            tab = Tab(commands_out, answers_in)
            yield tab
            tab._session = ""
            tab.call("Browser.close")
        finally:
            os.close(commands_out), os.close(answers_in)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
