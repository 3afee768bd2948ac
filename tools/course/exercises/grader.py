"""The functions of a learner's file, as the checks call them: here, or in a process of their own."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from lic import codec, models, tools
from lic.tools.course.exercises import runner
from lic.tools.course.exercises.verdicts import NotYet, Wrong

LIMIT = 20.0  # seconds for a file with all its checks
LONGEST = 1 << 26  # characters of a result


class Answer:
    """A learner's functions: `answer.kl(...)` calls `kl`, on copies of the arguments."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *arguments: self.call(name, list(arguments))

    def gradients(self, name: str, *arguments: Any) -> tuple[Any, Any]:
        """A function's result, and the gradients of its sum: see `runner.value_and_gradients`."""
        result, gradients = self.call(name, list(arguments), gradients=True)
        return result, gradients

    def elsewhere(self) -> AbstractContextManager["Answer"]:
        """The same functions in another process, which knows nothing of earlier calls."""
        return nullcontext(self)

    def call(self, name: str, arguments: list[Any], gradients: bool = False) -> Any:
        raise NotImplementedError


class Trusted(Answer):
    """Functions that run in this process: those of the reference answers and of tests."""

    def __init__(self, functions: dict[str, Callable[..., Any]]) -> None:
        self.functions = functions

    def call(self, name: str, arguments: list[Any], gradients: bool = False) -> Any:
        copies = runner.decode(runner.encode(arguments))
        function = self.functions[name]
        result = runner.value_and_gradients(function, copies) if gradients else function(*copies)
        return runner.decode(runner.encode(result))


class Isolated(Answer):
    """Functions of a file that runs in a process of its own, which is ended at the latest after `limit` seconds.

    Use it as a context; `Wrong` is raised for errors, with the line, and where the process ends or hangs.
    """

    def __init__(self, path: Path, limit: float = LIMIT) -> None:
        self.path = path.resolve()
        self.limit = limit
        self.doing = "when the file is read"
        self.late = threading.Event()

    def __enter__(self) -> "Isolated":
        folders = [str(Path(package.__file__ or "").parent) for package in (codec, models, tools)]
        command = [sys.executable, "-I", runner.__file__, str(self.path), *folders]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        self._read()  # the clock starts when libraries are loaded
        self.clock = threading.Timer(self.limit, self._end)
        self.clock.start()
        self.functions: list[str] = self._result()["functions"]
        return self

    def __exit__(self, *_: object) -> None:
        self.clock.cancel()
        self.process.kill()
        self.process.communicate()

    def elsewhere(self) -> AbstractContextManager[Answer]:
        return Isolated(self.path, self.limit)

    def call(self, name: str, arguments: list[Any], gradients: bool = False) -> Any:
        if name not in self.functions:
            raise Wrong(f"The function {name} is missing.")
        self.doing = f"in {name}"
        call = {"function": name, "arguments": runner.encode(arguments), "gradients": gradients}
        with contextlib.suppress(OSError):  # if it has ended, reading will tell
            print(json.dumps(call), file=self.process.stdin, flush=True)
        result = self._result()
        try:
            return runner.decode(result["value"])
        except Exception as error:
            raise Wrong(f"{name}: the result cannot be read ({error}).") from None

    def _result(self) -> dict[str, Any]:
        """The next reply; errors become verdicts."""
        reply = self._read()
        if "error" not in reply:
            return reply
        name, place = str(reply["error"]), reply.get("place")
        if name == "NotImplementedError" and place:
            raise NotYet(place[1] if place[2] == self.path.name else f"{place[1]} in {place[2]} first")
        if name == "SystemExit":
            raise Wrong(f"The code ends the program {self.doing}.")
        where = f" (line {place[0]})" if place else ""  # a SyntaxError's message has the line
        if place and place[2] != self.path.name:
            where = f" (line {place[0]} of {place[2]})"
        raise Wrong(f"{name}: {reply.get('message')}{where}")

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline(LONGEST)
        if self.late.is_set():
            raise Wrong(f"No result after {self.limit:g} seconds {self.doing}: is there an endless loop?")
        if not line:
            raise Wrong(f"The code ends the process {self.doing}.")
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise Wrong(f"The code disturbs its results {self.doing}.")
        return reply

    def _end(self) -> None:
        self.late.set()
        self.process.kill()
