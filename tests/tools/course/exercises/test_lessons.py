"""Lessons have every exercise once, in an order that can be followed; notebooks are the same exercises."""

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lic.tools.cli import main
from lic.tools.course.chapters import COURSE
from lic.tools.course.exercises.lessons import LESSONS
from lic.tools.course.exercises.notebooks import to_notebook, to_source
from lic.tools.course.exercises.workbook import EXERCISES, FILE_NAMES, answer_source, check, stub

STEPS = [name for name in EXERCISES if name.startswith("step_")]


def test_every_chapter_is_a_lesson_and_every_exercise_belongs_to_one() -> None:
    assert [lesson.chapter for lesson in LESSONS] == [chapter.title for chapter in COURSE]
    taught = [name for lesson in LESSONS for name in lesson.exercises]
    assert sorted(taught) == sorted(EXERCISES)
    assert [name for name in taught if name in STEPS] == STEPS and len(STEPS) == 12


@pytest.mark.parametrize("name", STEPS)
def test_a_step_begins_with_a_question_and_builds_on_earlier_ones(name: str) -> None:
    assert "\nQuestion: " in stub(name) and "\n# Answer to the question\n" in answer_source(name)
    assert "Answer to the question" not in stub(name)
    imported = [node.module for node in ast.walk(ast.parse(stub(name))) if isinstance(node, ast.ImportFrom)]
    assert all(module in STEPS[: STEPS.index(name)] for module in imported if module and module.startswith("step_"))


@pytest.mark.parametrize("name", EXERCISES)
def test_a_notebook_is_the_same_exercise_and_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = to_notebook(answer_source(name), "exercise.ipynb")
    assert ast.dump(ast.parse(to_source(notebook))) == ast.dump(ast.parse(_without_docstring(answer_source(name))))
    monkeypatch.syspath_prepend(Path(__file__).parents[4] / "tools" / "course" / "exercises" / "answers")
    scope: dict[str, Any] = {}
    cells = json.loads(notebook)["cells"]
    assert cells[0]["cell_type"] == "markdown" and "!lic learn exercises exercise.ipynb" in cells[-1]["source"]
    for cell in cells[1:-1]:
        exec("".join(cell["source"]), scope)


def _without_docstring(source: str) -> str:
    return "".join(source.splitlines(keepends=True)[ast.parse(source).body[0].end_lineno :])


def test_notebooks_are_written_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "exercises", "-o", str(tmp_path), "--notebooks"]) == 0
    assert "1. Latent variables: `01_latent_variables.ipynb`" in (tmp_path / "README.md").read_text(encoding="utf-8")
    assert main(["learn", "exercises", str(tmp_path)]) == 1
    assert capsys.readouterr().out.endswith(f"{len(EXERCISES)} not yet\n")
    for name in ("step_07_density", "step_08_probabilities"):
        path = (tmp_path / FILE_NAMES[name]).with_suffix(".ipynb")
        path.write_text(to_notebook(answer_source(name), path.name))
    assert check(path).state == "right"


def test_a_step_waits_for_the_steps_that_it_needs(tmp_path: Path) -> None:
    for name in ("step_07_density", "step_08_probabilities"):
        (tmp_path / FILE_NAMES[name]).write_text(stub(name) if name.endswith("density") else answer_source(name))
    assert check(path := tmp_path / "step_08_probabilities.py").message == "fill in cdf in step_07_density.py first"
    (tmp_path / "step_07_density.py").unlink()
    assert check(path).message.startswith("ModuleNotFoundError: No module named 'step_07_density'")
    assert "step_07_density" not in sys.modules or tmp_path.name not in str(sys.modules["step_07_density"].__file__)
