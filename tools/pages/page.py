"""Self-contained HTML pages: everything is inside one file, nothing is fetched."""

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# The policy forbids the browser to load anything.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

ASSETS = Path(__file__).parent / "assets"

# The symbol of all pages: a picture in blocks.
ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">
<rect width="16" height="16" rx="4" fill="#c2361b"/>
<path d="M3 3h4v4H3zM9 9h4v4H9z" fill="#fff"/><path d="M9 3h4v4H9z" fill="#fff8"/></svg>"""


def asset(name: str) -> str:
    """A style sheet or script to be put into a page."""
    return (ASSETS / name).read_text(encoding="utf-8")


def page(title: str, body: str, *, style: str = "", script: str = "", policy: str = POLICY) -> str:
    """A whole HTML document; `style` and `script` are inserted as text, `policy` says what the browser may load."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="{data_uri(ICON.encode(), "image/svg+xml")}">
<style>
{asset("page.css")}{style}</style>
</head>
<body>
{body}
{f'<script type="module">{script}</script>' if script else ""}
</body>
</html>
"""


def table(
    rows: Sequence[Sequence[str]],
    name: str = "",
    best: Mapping[int, Callable[..., str]] | None = None,
) -> str:
    """An HTML table of texts, which scrolls by itself; the first row is its header, `name` its class.

    In the columns of `best`, the number that this function chooses is marked; its unit may follow it.
    """
    header, *body = rows
    chosen = {}
    for column, choose in (best or {}).items():
        texts = {row[column] for row in body if column < len(row)} - {"-"}
        if len(texts) > 1:
            chosen[column] = choose(texts, key=number)

    def cell(column: int, text: str) -> str:
        mark = ' class="best"' if chosen.get(column) == text else ""
        return f"<td{mark}>{html.escape(text)}</td>"

    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in header)
    lines = ["<tr>" + "".join(cell(*pair) for pair in enumerate(row)) + "</tr>" for row in body]
    classes = f' class="{name}"' if name else ""
    content = f"<thead><tr>{head}</tr></thead><tbody>\n" + "\n".join(lines) + "\n</tbody>"
    return f'<div class="scrolls" tabindex="0" role="group" aria-label="table"><table{classes}>{content}</table></div>'


def number(text: str) -> float:
    """The number that a cell of a table begins with.

    >>> number("-50.0 %"), number("1,234.5")
    (-50.0, 1234.5)
    """
    return float(text.split()[0].replace(",", ""))


def size(count: int) -> str:
    """A number of bytes as a title has it.

    >>> size(523), size(9_812), size(1_250_000)
    ('523 bytes', '9.8 kB', '1.2 MB')
    """
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def count(number: int, thing: str) -> str:
    """So many things, in words up to ten.

    >>> count(5, "codec"), count(1, "codec"), count(12, "codec")
    ('five codecs', 'one codec', '12 codecs')
    """
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return f"{words[number] if number < len(words) else number} {thing}{'s' * (number != 1)}"


def data_uri(data: bytes, kind: str = "image/png") -> str:
    """Bytes as a data URI.

    >>> data_uri(b"abc", "text/plain")
    'data:text/plain;base64,YWJj'
    """
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
