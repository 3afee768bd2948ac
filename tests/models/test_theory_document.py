"""THEORY.md names functions, tests, figures and commands that exist."""

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lic.tools.cli import build_parser
from lic.tools.course.gallery import FIGURES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "models/THEORY.md").read_text(encoding="utf-8")
SOURCES = [path for folder in ("models", "codec", "tools", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
PROSE = re.sub(r"^    .*$", "", TEXT, flags=re.MULTILINE)  # without equations and printed tables


def named(node: ast.AST, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What a module or class defines, by all names under which it can be spoken of: b, a.b."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            own = (*path, child.name)
            yield from (own[i:] for i in range(len(own)))
            yield from named(child, own)
        elif isinstance(child, ast.Assign | ast.AnnAssign):
            targets = child.targets if isinstance(child, ast.Assign) else [child.target]
            for target in targets:
                for name in (n.id for n in ast.walk(target) if isinstance(n, ast.Name)):
                    yield from [(name,), (*path, name)]
        elif isinstance(child, ast.If | ast.With | ast.Try):
            yield from named(child, path)


DEFINED = {
    ".".join(name)
    for path in SOURCES
    for name in [(path.stem,), *named(ast.parse(path.read_text(encoding="utf-8")), (path.stem,))]
}


def spoken() -> tuple[set[str], set[str]]:
    """The commands with their actions, as in `vae train`, and the options of all of them."""
    parsers: list[tuple[str, argparse.ArgumentParser]] = [("", build_parser(complete=True))]
    flags: set[str] = set()
    for name, parser in parsers:  # grows
        for action in parser._actions:
            flags.update(action.option_strings)
            if isinstance(action, argparse._SubParsersAction):
                parsers += [(f"{name} {inner}".strip(), found) for inner, found in action.choices.items()]
    return {name for name, _ in parsers}, flags


COMMAND_NAMES, FLAGS = spoken()


def exists(text: str) -> bool:
    """Whether what stands between backticks is there."""
    if text.startswith("lic "):
        words = text.split()
        depth = {"learn": 3, "learn vae": 4}
        return " ".join(words[1 : depth.get(" ".join(words[1:3]), depth.get(words[1], 2))]) in COMMAND_NAMES
    if text.startswith("python -m lic."):
        return (ROOT / text.split()[2].removeprefix("lic.").replace(".", "/")).with_suffix(".py").exists()
    if text.startswith("--"):
        return text.split()[0] in FLAGS
    if "/" in text or text.endswith((".py", ".md")):
        places = (ROOT, ROOT / "models", ROOT / "tests/models", ROOT / "tests/models/theory", ROOT / "models/theory")
        return any((place / text).exists() for place in places)
    name = text.partition("(")[0]
    return name in DEFINED


NAME = re.compile(r"[\w./]+(\(.*\))?|lic .*|--.*|python -m lic\..*")  # other quotations are pieces of code
SPANS = {" ".join(text.split()) for text in re.findall(r"`([^`]+)`", PROSE)}
QUOTED = sorted(filter(NAME.fullmatch, SPANS))
FIGURE_LISTS = re.findall(r"figures?\s((?:`[a-z-]+`(?:,| and)?\s?)+)", PROSE)
DRAWN = {name for found in FIGURE_LISTS for name in re.findall(r"`(.+?)`", found)}


def test_the_document_names_many_things() -> None:
    assert len(QUOTED) > 150 and len([text for text in QUOTED if text.startswith("test_")]) > 40
    assert exists("em.e_step") and exists("FactorAnalysis.posterior") and exists("lic learn vae train x")
    assert exists("python -m lic.tools.course.lecture_claims x") and not exists("python -m lic.models.nothing")
    assert not exists("em.f_step") and not exists("lic learn vae walk") and not exists("--no-such-option")


def test_every_figure_is_drawn_and_every_drawing_is_in_the_document() -> None:
    assert set(FIGURES) == DRAWN


@pytest.mark.parametrize("text", [text for text in QUOTED if text not in DRAWN])
def test_what_is_named_exists(text: str) -> None:
    assert exists(text), f"THEORY.md names `{text}`, which is not there"
