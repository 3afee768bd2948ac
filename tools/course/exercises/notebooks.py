"""Exercises as Jupyter notebooks: the same text and functions, a cell each, and the way back to a file."""

import ast
import json
from typing import Any

CHECK = "# Save the notebook, then run this cell.\n!lic learn exercises {}"


def to_notebook(source: str, file_name: str) -> str:
    """The notebook of an exercise's file: its text, its imports, a cell for each function, and a cell that checks."""
    lines = source.splitlines(keepends=True)
    tree = ast.parse(source)
    cells = [_cell("markdown", ast.get_docstring(tree) or "")]
    end = tree.body[0].end_lineno or 0
    before = end
    for node in tree.body[1:]:
        if isinstance(node, ast.FunctionDef):
            if before < node.lineno - 1 and (text := "".join(lines[before : node.lineno - 1]).strip()):
                cells.append(_cell("code", text))
            before = node.end_lineno or 0
            cells.append(_cell("code", "".join(lines[node.lineno - 1 : before]).strip()))
    cells.append(_cell("code", CHECK.format(file_name)))
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}, indent=1) + "\n"


def _cell(kind: str, text: str) -> dict[str, Any]:
    own: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": text.splitlines(keepends=True)} | own


def to_source(notebook: str) -> str:
    """The code of a notebook's cells, without commands for the shell and for Jupyter.

    >>> to_source('{"cells": [{"cell_type": "code", "source": ["a = 1\\\\n", "!ls\\\\n", "%time a"]}]}')
    'a = 1\\n'
    """
    cells = json.loads(notebook)["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    lines = [line for text in texts for line in [*text.splitlines(), ""] if not line.lstrip().startswith(("!", "%"))]
    return "\n".join(lines).strip() + "\n"
