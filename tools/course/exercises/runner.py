"""Runs a learner's file in a process that has neither checks nor answers: reads calls, writes results.

    python -I runner.py FILE FOLDER...

Each line of standard input is a call of one of the file's functions, each line of standard output its result or error,
as JSON. So whatever the learner's code does, it can only hand in results; they are judged in the grader's process.
Nothing here imports `lic`, and a hook that Python cannot remove forbids it to the learner's code, too: no file in the
folders given can be opened, no file written and no program started.
"""

import json
import os
import runpy
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

STARTS_OR_ENDS_PROCESSES = {
    *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.kill"),
    *("os.killpg", "subprocess.Popen", "socket.connect"),
}
CHANGES_FILES = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def encode(value: Any) -> Any:
    """An argument or a result as JSON.

    >>> encode((Fraction(1, 3), [2]))
    {'tuple': [{'fraction': [1, 3]}, [2]]}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(item) for item in value]}
    if isinstance(value, Fraction):
        return {"fraction": [value.numerator, value.denominator]}
    if isinstance(value, bytes | bytearray):
        return {"bytes": value.hex()}
    if isinstance(value, np.ndarray):
        return {"array": [value.dtype.name, list(value.shape), value.ravel().tolist()]}
    torch = sys.modules.get("torch")
    if torch and isinstance(value, torch.Tensor):
        flat = value.detach().reshape(-1).tolist()
        return {"tensor": [str(value.dtype).removeprefix("torch."), list(value.shape), flat]}
    if torch and value is torch.special.ndtr:
        return {"function": "ndtr"}
    raise TypeError(f"a {type(value).__name__} is no result")


def decode(code: Any) -> Any:
    """The inverse of `encode`.

    >>> decode({"tuple": [{"fraction": [1, 3]}, [2]]})
    (Fraction(1, 3), [2])
    """
    if isinstance(code, list):
        return [decode(item) for item in code]
    if not isinstance(code, dict):
        return code
    ((kind, value),) = code.items()
    if kind == "tuple":
        return tuple(decode(item) for item in value)
    if kind == "fraction":
        return Fraction(*value)
    if kind == "bytes":
        return bytes.fromhex(value)
    if kind == "array":
        return np.array(value[2], dtype=value[0]).reshape(value[1])
    import torch

    if kind == "function":
        return {"ndtr": torch.special.ndtr}[value]
    return torch.tensor(value[2], dtype=getattr(torch, value[0])).reshape(value[1])


def value_and_gradients(function: Callable[..., Any], arguments: Sequence[Any]) -> tuple[Any, Any]:
    """A function's result, and the gradient of its sum with respect to each argument that is a tensor of floats.

    The gradients are None where the result does not depend on an argument, or has no gradient at all.
    """
    import torch

    leaves = [a.requires_grad_() for a in arguments if isinstance(a, torch.Tensor) and a.is_floating_point()]
    result = function(*arguments)
    if not isinstance(result, torch.Tensor) or not result.requires_grad:
        return result, None
    return result, list(torch.autograd.grad(result.sum(), leaves, allow_unused=True))


def _forbid(folders: Sequence[str]) -> None:
    """Forbid, for the rest of this process, to read the folders, to write files and to start programs."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "import" and str(arguments[0]).partition(".")[0] == "lic":
            raise PermissionError("an answer may not import lic: write it with Python, numpy and torch")
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if any(path.startswith(folder + os.sep) for folder in folders):
                raise PermissionError("an answer may not read the files of lic")
            if (arguments[2] or 0) & WRITING and path != os.devnull:
                raise PermissionError("an answer may not write files")
        if event in CHANGES_FILES:
            raise PermissionError("an answer may not change files")
        if event in STARTS_OR_ENDS_PROCESSES:
            raise PermissionError("an answer may not start or end processes, or connect to others")

    sys.addaudithook(hook)


def _describe(error: BaseException, path: str) -> dict[str, Any]:
    """An error: its name, message, and the line, function and file of the learner's folder where it was raised."""
    place = None
    trace: TracebackType | None = error.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        if os.path.dirname(code.co_filename) == os.path.dirname(path):
            place = [trace.tb_lineno, code.co_name, os.path.basename(code.co_filename)]
        trace = trace.tb_next
    return {"error": type(error).__name__, "message": str(error), "place": place}


def _serve(path: str, folders: Sequence[str]) -> None:
    """Read the learner's file, then answer calls until the input ends."""
    calls, results = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # the learner's input() reads nothing, and what is printed
    os.dup2(2, 1)  # goes where errors go
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.dont_write_bytecode = True
    sys.path.append(str(Path(path).parent))  # later steps import earlier ones
    if "torch" in Path(path).read_text(encoding="utf-8", errors="replace"):
        import torch  # noqa: F401

    def reply(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=results, flush=True)

    reply({"ready": True})
    _forbid([os.path.realpath(folder) for folder in folders])
    scope: dict[str, Any] = {}
    try:
        scope = runpy.run_path(path)
        reply({"functions": [name for name, value in scope.items() if callable(value)]})
    except BaseException as error:  # SystemExit, too
        reply(_describe(error, path))
    for line in calls:
        call = json.loads(line)
        try:
            function, arguments = scope[call["function"]], decode(call["arguments"])
            result = value_and_gradients(function, arguments) if call["gradients"] else function(*arguments)
            reply({"value": encode(result)})
        except BaseException as error:
            reply(_describe(error, path))


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2:])
