"""Docstrings as HTML: paragraphs, lists, equations, and the examples that doctest runs."""

import html
import re
from collections.abc import Callable, Iterator
from itertools import groupby

from lic.tools.course.mathml import equations


def statement(doc: str, link: Callable[[str], str]) -> str:
    """A docstring as HTML; `link` makes HTML of a name between backticks.

    >>> print(statement("The mean of `values`.\\n\\n>>> 1 + 1\\n2", link="<code>{}</code>".format))
    <p>The mean of <code>values</code>.</p>
    <pre class="example" tabindex="0">&gt;&gt;&gt; 1 + 1
    2</pre>
    """
    return "\n".join(_as_html(kind, lines, link) for kind, lines in _blocks(doc.splitlines()))


def _blocks(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Lines of the same kind that follow each other; blank lines separate them, and end examples."""
    kinds: list[str] = []
    for line in lines:
        before = kinds[-1] if kinds else ""
        if not line.strip():
            kinds.append("")
        elif line.startswith(">>>") or before == "example":
            kinds.append("example")
        elif line.startswith("    ") and before != "list":
            kinds.append("equations")
        elif line.startswith("- ") or (before == "list" and line.startswith("  ")):
            kinds.append("list")
        else:
            kinds.append("text")
    for kind, group in groupby(zip(kinds, lines, strict=True), key=lambda pair: pair[0]):
        if kind:
            yield kind, [line for _, line in group]


def _as_html(kind: str, lines: list[str], link: Callable[[str], str]) -> str:
    if kind == "equations":
        return equations(lines)
    if kind == "example":
        return f'<pre class="example" tabindex="0">{html.escape(chr(10).join(lines), quote=False)}</pre>'
    if kind == "list":
        items = re.split(r"^- ", "\n".join(lines), flags=re.MULTILINE)[1:]
        return f"<ul>{''.join(f'<li>{_text(item, link)}</li>' for item in items)}</ul>"
    return f"<p>{_text(' '.join(lines), link)}</p>"


def _text(text: str, link: Callable[[str], str]) -> str:
    """Running text, with its names of code between backticks and its emphasis between asterisks."""
    parts = re.split(r"`([^`]+)`", " ".join(text.split()))
    parts[::2] = [
        re.sub(r"(?<!\w)\*(\w[^*]*)\*(?!\w)", r"<em>\1</em>", html.escape(p, quote=False)) for p in parts[::2]
    ]
    parts[1::2] = map(link, parts[1::2])
    return "".join(parts)
