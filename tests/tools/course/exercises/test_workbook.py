"""Reference answers are right, empty exercises are not yet right, and wrong answers get their hints."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from lic.tools.course.exercises.grader import Trusted
from lic.tools.course.exercises.verdicts import Wrong, expect
from lic.tools.course.exercises.workbook import (
    EXERCISES,
    FILE_NAMES,
    TODO,
    NoExercise,
    Verdict,
    answer_source,
    check,
    find_answers,
    functions,
    judge,
    stub,
    write_stubs,
)
from tests.tools.course.exercises import variants_of_codecs, variants_of_em, variants_of_steps, variants_of_vae

ANSWERS = Path(__file__).parents[4] / "tools" / "course" / "exercises" / "answers"
FUNCTIONS = [(name, function.name) for name in EXERCISES for function in functions(name)]
WRONG = variants_of_em.WRONG | variants_of_vae.WRONG | variants_of_codecs.WRONG | variants_of_steps.WRONG
RIGHT = variants_of_em.RIGHT | variants_of_vae.RIGHT | variants_of_codecs.RIGHT | variants_of_steps.RIGHT


@pytest.fixture(autouse=True)
def _earlier_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later steps import earlier ones; here these are the reference answers."""
    monkeypatch.syspath_prepend(ANSWERS)


def verdict_on(name: str, source: str) -> Verdict:
    """The verdict on an answer to an exercise, given as source; it runs in this process."""
    scope: dict[str, Any] = {}
    exec(source, scope)

    class Told(Trusted):
        def call(self, *arguments: Any, **options: Any) -> Any:
            try:
                return super().call(*arguments, **options)
            except Exception as error:  # as the isolated process tells it
                raise Wrong(f"{type(error).__name__}: {error}") from None

    return judge(name, Told(scope))


def test_each_exercise_has_an_answer_a_check_and_variants_that_are_wrong_and_right() -> None:
    assert {path.stem for path in ANSWERS.glob("*.py")} - {"__init__"} == set(EXERCISES) == set(WRONG) == set(RIGHT)
    assert min(map(len, WRONG.values())) >= 3 and min(map(len, RIGHT.values())) >= 3


@pytest.mark.parametrize("name", EXERCISES)
def test_the_reference_answer_is_right(name: str) -> None:
    assert verdict_on(name, answer_source(name)) == Verdict(name, "right", "")


@pytest.mark.parametrize(("name", "right", "written"), [(n, *v) for n, all_ in RIGHT.items() for v in all_])
def test_an_answer_that_is_written_in_another_way_is_right(name: str, right: str, written: str) -> None:
    source = answer_source(name)
    assert right in source
    assert verdict_on(name, source.replace(right, written)) == Verdict(name, "right", "")


@pytest.mark.parametrize(("name", "right", "written", "hint"), [(n, *v) for n, all_ in WRONG.items() for v in all_])
def test_a_wrong_answer_gets_its_hint(name: str, right: str, written: str, hint: str) -> None:
    source = answer_source(name)
    assert right in source
    verdict = verdict_on(name, source.replace(right, written))
    assert verdict.state == "wrong" and hint in verdict.message


@pytest.mark.parametrize("name", EXERCISES)
def test_an_empty_exercise_is_not_yet_right(name: str, tmp_path: Path) -> None:
    path = tmp_path / FILE_NAMES[name]
    path.write_text(stub(name), encoding="utf-8")
    assert stub(name).count(TODO) == len(functions(name))
    assert not re.search(r"^ +return |^# Answer", stub(name), re.MULTILINE)
    assert check(path) == Verdict(name, "not yet", f"fill in {functions(name)[0].name}")


def with_body(name: str, function: str, body: str) -> str:
    """The reference answer with another body of one function."""
    lines = answer_source(name).splitlines(keepends=True)
    (node,) = (node for node in functions(name) if node.name == function)
    lines[node.body[0].end_lineno : node.end_lineno] = [body]
    return "".join(lines)


@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
def test_no_function_may_be_left_empty(name: str, function: str, tmp_path: Path) -> None:
    path = tmp_path / FILE_NAMES[name]
    path.write_text(with_body(name, function, TODO), encoding="utf-8")
    assert check(path) == Verdict(name, "not yet", f"fill in {function}")
    assert verdict_on(name, with_body(name, function, "    return None\n")).state == "wrong"


def spoilt(result: Any) -> list[Any]:
    """Results that differ from this one, in one part each."""
    if isinstance(result, tuple):
        return [(*result[:k], wrong, *result[k + 1 :]) for k in range(len(result)) for wrong in spoilt(result[k])]
    if isinstance(result, list):
        return [[*result[:-1], (result[-1] + 1) % 3] if result else [0]]
    if isinstance(result, bytes):
        return [bytes([result[0] ^ 1]) + result[1:]]
    if isinstance(result, int):
        return [result + 1]
    return [result + Fraction(1, 999) if isinstance(result, Fraction) else result * 1.01 + 0.001]


@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize(("name", "function"), [pair for pair in FUNCTIONS if pair[0] != "step_12_codec"])
def test_every_part_of_a_result_is_compared(name: str, function: str, part: int) -> None:
    scope: dict[str, Any] = {}
    exec(answer_source(name), scope)
    right = scope[function]

    def changed(*arguments: Any) -> Any:
        variants = spoilt(right(*arguments))
        return variants[part % len(variants)]

    with pytest.raises(Wrong):
        EXERCISES[name](Trusted(scope | {function: changed}))


def test_arguments_may_be_changed_in_place() -> None:
    body = "    return log_likelihood.add_(log_prior[:, None]).logsumexp(0)\n"
    assert verdict_on("latent_variables", with_body("latent_variables", "log_evidence", body)).state == "right"


def test_a_result_of_another_shape_is_told() -> None:
    with pytest.raises(Wrong, match=r"Add them\. \(The result has the shape \(3,\), not \(\)\.\)"):
        expect(torch.zeros(3), torch.tensor(0.0), "Add them.")


def test_files_that_are_there_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "mine"
    assert [path.name for path in write_stubs(folder)] == list(FILE_NAMES.values())
    first, second, *_ = sorted(folder.iterdir())
    first.write_text("my answer")
    second.unlink()
    assert write_stubs(folder) == [second]
    assert first.read_text() == "my answer"
    second.unlink()
    assert find_answers(folder) == [folder / name for name in FILE_NAMES.values()]
    assert check(second) == Verdict("mixture_em", "not yet", "the file is missing")
    assert find_answers(first) == [first]


def test_where_no_exercise_is_found_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoExercise, match="write the exercises first"):
        find_answers(tmp_path / "nowhere")
    (tmp_path / "other.py").touch()
    for path in (tmp_path, tmp_path / "other.py"):
        with pytest.raises(NoExercise, match="keep the names"):
            find_answers(path)


def test_the_theory_lists_all_exercises() -> None:
    page = Path(__file__).parents[4].joinpath("models", "THEORY.md").read_text(encoding="utf-8")
    section = page[page.index("## Exercises") :]
    assert f"writes {len(EXERCISES)} files" in section
    assert not [name for name in EXERCISES if f"`{name}`" not in section]
