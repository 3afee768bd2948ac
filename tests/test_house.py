"""Which module may import which, read from the sources; imports inside of functions count, too."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from lic.tools.cli import COMMANDS, COURSE, build_parser
from lic.tools.usage import in_flags

ROOT = Path(__file__).parents[1]
FLOORS = ("models", "codec", "tools")  # an arrow only points down: from tools to codec to models
COMMAND_ROOMS = ("lic.tools.commands.", "lic.tools.course.commands.")
SPEAKERS = ("lic.tools.cli", "lic.tools.usage", "lic.tools.loop_options", *COMMAND_ROOMS)  # know of a command line
COMMAND_MODULES = [module for module, _ in ({**COMMANDS, **COURSE}).values() if isinstance(module, str)]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "lic" else ("lic", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {name_of(path): path for folder in ("lic", *FLOORS) for path in sorted((ROOT / folder).rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}


def imports(name: str) -> Iterator[str]:
    """The modules of the house that a module imports, wherever in it."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports by a relative name"
            wanted = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for module in wanted:  # `from module import name` names a module, or something in one
            yield from [found for found in (module, module.rpartition(".")[0]) if found in TREES][:1]
    if name == "lic.tools.cli":
        yield from COMMAND_MODULES  # imported when they are used


GRAPH = {name: set(imports(name)) for name in TREES}


def floor(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def room(name: str) -> str:
    """A folder of tools/; a module that stands in none is a room of its own."""
    return ".".join(name.split(".")[:3])


def find_circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_graph_has_the_arrows_that_are_there() -> None:
    assert "lic.codec.errors" in GRAPH["lic.tools.cli"] and "lic.tools.commands.encode" in GRAPH["lic.tools.cli"]
    assert "lic.codec.encode.encoder" in GRAPH["lic.tools.batch.picture_files"]  # imported inside of a function
    assert find_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})


def test_arrows_point_down() -> None:
    upward = [
        (name, other)
        for name, others in GRAPH.items()
        if floor(name) in FLOORS
        for other in others
        if floor(other) not in FLOORS or FLOORS.index(floor(other)) > FLOORS.index(floor(name))
    ]
    assert not upward


def test_no_module_imports_itself_in_a_circle() -> None:
    assert not find_circle(GRAPH)


def test_rooms_of_tools_stand_in_no_circle() -> None:
    rooms: dict[str, set[str]] = {}
    for name, others in GRAPH.items():
        if floor(name) == "tools":
            rooms.setdefault(room(name), set()).update({room(o) for o in others if floor(o) == "tools"} - {room(name)})
    assert not find_circle(rooms)


def test_a_module_is_known_by_its_name() -> None:
    names = Counter(path.name for path in SOURCES.values() if path.name not in ("__init__.py", "__main__.py"))
    assert not [name for name, count in names.items() if count > 1]


def test_commands_are_no_library() -> None:
    users = [n for n, others in GRAPH.items() for o in others if o.startswith(COMMAND_ROOMS)]
    assert {user for user in users if not user.startswith(COMMAND_ROOMS)} == {"lic.tools.cli"}
    for name in COMMAND_MODULES:
        defined = {node.name for node in TREES[name].body if isinstance(node, ast.FunctionDef)}
        assert {"add_arguments", "run"} <= defined, name


def strings(node: ast.AST) -> Iterator[str]:
    yield from (n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))


@pytest.mark.parametrize("name", [name for name in TREES if not name.startswith(SPEAKERS)])
def test_library_code_does_not_speak_of_flags(name: str) -> None:
    names = {node.id for node in ast.walk(TREES[name]) if isinstance(node, ast.Name)}
    assert "UsageError" not in names
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Raise):
            assert not [text for text in strings(node) if re.search(r"(^|[\s(])--?[a-z]", text)]


def test_parameters_that_errors_name_are_options() -> None:
    parsers = [build_parser(complete=True)]
    flags: set[str] = set()
    for parser in parsers:  # grows: of commands, and of the actions of `lic learn vae`
        for action in parser._actions:
            flags.update(action.option_strings)
            choices = action.choices if isinstance(action.choices, dict) else {}
            parsers += [inner for inner in choices.values() if hasattr(inner, "_actions")]
    raised = [node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    named = {name for node in raised for text in strings(node) for name in re.findall(r"`\w+`", text)}
    assert "`force`" in named
    assert not [name for name in named if in_flags(name) not in flags]
