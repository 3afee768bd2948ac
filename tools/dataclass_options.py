"""Options of a command, from the fields of a dataclass and a table of their help texts."""

import argparse
import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from lic.tools.usage import in_flags


class Option(NamedTuple):
    """A field on the command line: its help text, flags other than its name, and more arguments of argparse."""

    help: str
    flags: tuple[str, ...]
    more: dict[str, Any]


def option(help: str, *flags: str, **more: Any) -> Option:
    """An entry of the table for `add_options`."""
    return Option(help, flags, more)


def add_options(
    parser: argparse._ActionsContainer,
    kind: type,
    table: Mapping[str, Option],
    groups: Mapping[str, argparse._ActionsContainer] = {},
) -> None:
    """An option for each field of `kind` in the table, in the group that `groups` names for it.

    Its default is the field's, and the help text ends with it. So is its type, if the default tells it, and the choices
    of a `Literal`.

    >>> @dataclasses.dataclass
    ... class Choices:
    ...     batch: int = 16
    >>> parser = argparse.ArgumentParser()
    >>> add_options(parser, Choices, {"batch": option("crops per step", "-b", "--batch", metavar="B")})
    >>> parser.parse_args(["-b", "4"]).batch
    4
    """
    defaults, kinds = {field.name: field.default for field in dataclasses.fields(kind)}, get_type_hints(kind)
    for name, (text, flags, more) in table.items():
        default = defaults[name]
        if isinstance(default, (int, float, str)) and not isinstance(default, bool):
            text, more = f"{text} ({default})", {"type": type(default)} | more
        if get_origin(kinds[name]) is Literal:
            more = {"choices": get_args(kinds[name])} | more
        place, default = groups.get(name, parser), parser.argument_default or default
        place.add_argument(*(flags or [in_flags(f"`{name}`")]), dest=name, default=default, help=text, **more)
