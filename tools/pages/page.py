"""Self-contained HTML pages: everything is inside one file, nothing is fetched."""

import base64
import html
from collections.abc import Sequence
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


def table(rows: Sequence[Sequence[str]], attributes: str = "") -> str:
    """An HTML table of texts; the first row is its header."""
    header, *body = ([html.escape(cell) for cell in row] for row in rows)
    head = "".join(f"<th>{cell}</th>" for cell in header)
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in body]
    return f"<table{attributes}><thead><tr>{head}</tr></thead><tbody>\n" + "\n".join(lines) + "\n</tbody></table>"


def data_uri(data: bytes, kind: str = "image/png") -> str:
    """Bytes as a data URI.

    >>> data_uri(b"abc", "text/plain")
    'data:text/plain;base64,YWJj'
    """
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
