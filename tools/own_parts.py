"""Parts from outside of the package: distortions, codecs, metrics and sources of pictures of one's own.

A part is named `module:attribute`, found in the current folder or among installed packages, or by the name of an
entry point of the groups `lic.distortions`, `lic.codecs`, `lic.metrics` and `lic.sources`. EXTENDING.md has examples.
"""

import importlib
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from lic.codec.errors import LicError

Kind = Literal["distortions", "codecs", "metrics", "sources"]


class NoSuchPart(LicError):
    """A part from outside cannot be found or imported."""


def is_own(name: str, kind: Kind) -> bool:
    """Whether a name is that of a part from outside.

    >>> is_own("my_module:lpips", "distortions"), is_own("photos/", "sources")
    (True, False)
    """
    module, colon, attribute = name.partition(":")
    named = bool(colon) and all(part.isidentifier() for part in [*module.split("."), attribute])
    return named or name in entry_points(group=f"lic.{kind}").names


def find_part(name: str, kind: Kind) -> Any:
    """The part of that name.

    >>> find_part("math:sqrt", "metrics")(4)
    2.0
    """
    found = entry_points(group=f"lic.{kind}")
    if name in found.names:
        return found[name].load()
    module, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        part = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise NoSuchPart(f"{name}: there is no module {error.name}, in this folder or installed") from error
    except AttributeError as error:
        raise NoSuchPart(f"{name}: {module} has no {attribute}") from error
    return part
