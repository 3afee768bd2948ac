"""Fields of the dataclasses of a training's choices, with their help texts for the command line."""

import dataclasses
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


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


def check_types(choices: Any) -> None:
    """Raise TypeError for a dataclass with a value that is not of the type of its field, as files may have.

    >>> @dataclasses.dataclass
    ... class Choices:
    ...     hours: float | None = None
    ...     data: tuple[str, ...] = ()
    >>> check_types(Choices(2, ("photos",)))
    >>> check_types(Choices(data=(1,)))
    Traceback (most recent call last):
    ...
    TypeError: data is (1,)
    """
    kinds = get_type_hints(type(choices))
    for field in dataclasses.fields(choices):
        value = getattr(choices, field.name)
        if not _fits(value, kinds[field.name]):
            raise TypeError(f"{field.name} is {value!r}")


def _fits(value: object, kind: Any) -> bool:
    parts = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if get_origin(kind) is Literal:
        return value in parts
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_fits(item, parts[0]) for item in value)
    return type(value) in ((int, float) if kind is float else (kind,))
