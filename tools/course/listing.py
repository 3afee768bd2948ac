"""Source code as HTML: without its docstring, which stands beside it, and with links between the parts of a page."""

import ast
import html
import inspect
import io
import keyword
import re
import textwrap
import tokenize
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

from lic.codec.errors import LicError

ROOT = Path(__file__).parents[2]
Shown = Callable[..., Any]  # a function or a class


class NoSource(LicError):
    """The sources are not installed."""


def source_of(shown: Shown) -> tuple[str, int]:
    """The source of a function or class, and the number of its first line."""
    try:
        lines, number = inspect.getsourcelines(inspect.unwrap(shown))
    except OSError as error:
        raise NoSource(
            f"the source of {shown.__qualname__} is not installed: install lic with its .py files"
        ) from error
    return textwrap.dedent("".join(lines)), number


def place_of(shown: Shown) -> str:
    """Where the source stands, as `path, line n`."""
    path = Path(inspect.getfile(inspect.unwrap(shown))).resolve()
    return f"{path.relative_to(ROOT).as_posix()}, line {source_of(shown)[1]}"


def without_docstring(source: str) -> str:
    """The source of a function or class without its docstring.

    >>> print(without_docstring('def f(x):\\n    "Twice x."\\n    return 2 * x'))
    def f(x):
        return 2 * x
    """
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    lines = source.splitlines()
    if ast.get_docstring(node) is not None and len(node.body) > 1:
        first = node.body[0]
        assert first.end_lineno is not None
        del lines[first.lineno - 1 : first.end_lineno]
        while not lines[first.lineno - 1].strip():
            del lines[first.lineno - 1]
    return "\n".join(lines)


def listing(source: str, link: Callable[[str], str]) -> str:
    """Source code as HTML: words of Python, texts and comments in spans.

    `link` makes HTML of the name of a class, or of a function that is called, except where something is defined.
    """
    starts = [0, *accumulate(len(line) for line in source.splitlines(keepends=True))]
    parts, done = [], 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        begin, end = (starts[row - 1] + column for row, column in (token.start, token.end))
        leads_away = source[end : end + 1] == "(" or token.string[:1].isupper()
        leads_away = leads_away and not re.search(r"(\.|def |class )$", source[:begin])
        if coloured := _coloured(token, link if leads_away else html.escape):
            parts += [html.escape(source[done:begin], quote=False), coloured]
            done = end
    parts.append(html.escape(source[done:], quote=False))
    return f'<pre class="code" tabindex="0"><code>{"".join(parts)}</code></pre>'


def _coloured(token: tokenize.TokenInfo, link: Callable[[str], str]) -> str:
    """A comment, text or name as HTML; nothing for other tokens."""
    text = html.escape(token.string, quote=False)
    if token.type == tokenize.COMMENT:
        return f'<span class="comment">{text}</span>'
    if token.type == tokenize.STRING:
        return f'<span class="text">{text}</span>'
    if token.type == tokenize.NAME:
        return f'<span class="word">{text}</span>' if keyword.iskeyword(token.string) else link(token.string)
    return ""
