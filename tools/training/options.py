"""Fields of the dataclasses of a training's choices that say what they are for, as the command line shows it."""

import dataclasses
from typing import Any


def option(
    default: Any, help: str, metavar: str | None = None, *, kind: type | None = None, flag: str = "", **more: Any
) -> Any:
    """A field with its default and what `--help` tells of it; of another type than the default, or with choices.

    >>> @dataclasses.dataclass
    ... class Choices:
    ...     batch: int = option(16, "squares per step")
    >>> Choices().batch
    16
    """
    more |= {"type": kind or type(default), "metavar": metavar}
    return dataclasses.field(default=default, metadata={"help": help, "flag": flag, "more": more})
