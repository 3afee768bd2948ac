"""The exercises in the order of the lectures: files for learners, and verdicts on them."""

import ast
import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from lic.codec.errors import LicError
from lic.tools.course.exercises import checks_of_codecs, checks_of_em, checks_of_files, checks_of_steps, checks_of_vae
from lic.tools.course.exercises.grader import LIMIT, Answer, Isolated
from lic.tools.course.exercises.notebooks import to_notebook, to_source
from lic.tools.course.exercises.verdicts import NotYet, Wrong
from lic.tools.files import write_whole

Outcome = Literal["right", "not yet", "wrong"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
SOLVED = "\n\n# Answer to the question\n"  # from here on learners do not get the file
TODO = "    raise NotImplementedError  # fill this in\n"

# An exercise's name is that of the file with its reference answer, and of the function that checks answers.
CHECKS: tuple[Callable[[Answer], None], ...] = (
    checks_of_em.latent_variables,
    checks_of_em.mixture_em,
    checks_of_em.em_as_ascent,
    checks_of_em.hard_em,
    checks_of_em.em_as_gradient,
    checks_of_em.colour_by_segment,
    checks_of_em.elbo_four_ways,
    checks_of_em.elbo_estimators,
    checks_of_vae.linear_autoencoder,
    checks_of_em.factor_posterior,
    checks_of_em.mean_field_update,
    checks_of_vae.gaussian_kl,
    checks_of_vae.standard_prior,
    checks_of_vae.reparametrisation,
    checks_of_vae.generation,
    checks_of_vae.posterior_collapse,
    checks_of_vae.l1_against_l2,
    checks_of_vae.differential_entropy,
    checks_of_codecs.rate_bound,
    checks_of_codecs.trade_off,
    checks_of_codecs.divisive_normalisation,
    checks_of_codecs.sub_pixel,
    checks_of_codecs.noise_and_rounding,
    checks_of_codecs.piecewise_linear,
    checks_of_codecs.arithmetic_coding,
    checks_of_codecs.adaptive_coding,
    checks_of_codecs.conditional_coding,
    checks_of_codecs.hierarchy,
    checks_of_codecs.case_study,
)
STEPS: tuple[Callable[[Answer], None], ...] = (
    checks_of_steps.step_01_quantiser,
    checks_of_steps.step_02_rate,
    checks_of_steps.step_03_best_step,
    checks_of_steps.step_04_blocks,
    checks_of_steps.step_05_transform,
    checks_of_steps.step_06_coding_gain,
    checks_of_steps.step_07_density,
    checks_of_steps.step_08_probabilities,
    checks_of_files.step_09_tables,
    checks_of_files.step_10_range_encoder,
    checks_of_files.step_11_range_decoder,
    checks_of_files.step_12_codec,
)
EXERCISES = {check.__name__: check for check in CHECKS + STEPS}
FILE_NAMES = {check.__name__: f"{number:02}_{check.__name__}.py" for number, check in enumerate(CHECKS, start=1)}
FILE_NAMES |= {step.__name__: f"{step.__name__}.py" for step in STEPS}  # names that later steps can import


class NoExercise(LicError):
    """A file or folder has no exercise in it."""


class Verdict(NamedTuple):
    """The verdict of a check; `message` is empty, or says what to do next."""

    exercise: str
    state: Outcome
    message: str


def answer_source(name: str) -> str:
    """The file with the reference answer."""
    return (Path(__file__).parent / "answers" / f"{name}.py").read_text(encoding="utf-8")


def functions(name: str) -> list[ast.FunctionDef]:
    """The functions to fill in: all that the reference answer defines."""
    return [node for node in ast.parse(answer_source(name)).body if isinstance(node, ast.FunctionDef)]


def stub(name: str) -> str:
    """The file to fill in: the reference answer without the bodies of its functions.

    >>> print(stub("gaussian_kl").splitlines()[-1])
        raise NotImplementedError  # fill this in
    """
    lines = answer_source(name).partition(SOLVED)[0].splitlines(keepends=True)
    for function in reversed(functions(name)):
        docstring = function.body[0]
        lines[docstring.end_lineno : function.end_lineno] = [TODO]
    return "".join(lines)


def write_stubs(folder: Path, notebooks: bool = False) -> list[Path]:
    """Write the files to fill in that are not in the folder yet, or notebooks; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, file in FILE_NAMES.items():
        path, text = folder / file, stub(name)
        if notebooks:
            path = path.with_suffix(".ipynb")
            text = to_notebook(text, path.name)
        if not path.exists():
            write_whole(path, text.encode())
            written.append(path)
    return written


def find_answers(path: Path) -> list[Path]:
    """The exercises' files of a folder, in order, also those that are missing; or the one file given.

    An exercise whose notebook is there, and no file, is its notebook.
    """
    if not path.exists():
        raise NoExercise(f"{path}: there is no such file or folder; write the exercises first")
    files = [path] if path.is_file() else [path / file for file in FILE_NAMES.values()]
    notebooks = [file.with_suffix(".ipynb") for file in files]
    files = [n if n.exists() and not file.exists() else file for n, file in zip(notebooks, files, strict=True)]
    if not any(file.with_suffix(".py").name in FILE_NAMES.values() and file.exists() for file in files):
        raise NoExercise(f"{path}: no exercise; files keep the names that they were written with, like {files[0].name}")
    return files


def check(path: Path, limit: float = LIMIT) -> Verdict:
    """Run a learner's file or notebook in a process of its own, at most `limit` seconds, and check its functions."""
    (name,) = (name for name, file in FILE_NAMES.items() if file == path.with_suffix(".py").name)
    if not path.exists():
        return Verdict(name, "not yet", "the file is missing")
    if path.suffix == ".ipynb":
        return _check_notebook(path, limit)
    if empty := _left_empty(path.read_bytes(), name):
        return Verdict(name, "not yet", f"fill in {empty}")
    try:
        with Isolated(path, limit) as answer:
            return judge(name, answer)
    except NotYet as function:
        return Verdict(name, "not yet", f"fill in {function}")
    except Wrong as hint:
        return Verdict(name, "wrong", str(hint))


def _check_notebook(path: Path, limit: float) -> Verdict:
    """Check a notebook, after the notebooks in its folder are written as files."""
    with tempfile.TemporaryDirectory() as folder:
        for other in path.parent.glob("*.ipynb"):
            with contextlib.suppress(ValueError, KeyError, TypeError, OSError):  # others need not be notebooks
                copy = Path(folder, other.with_suffix(".py").name)
                copy.write_text(to_source(other.read_text(encoding="utf-8")), encoding="utf-8")
        return check(Path(folder, path.with_suffix(".py").name), limit)


def judge(name: str, answer: Answer) -> Verdict:
    """The verdict on the functions of an answer."""
    try:
        EXERCISES[name](answer)
    except NotYet as function:
        return Verdict(name, "not yet", f"fill in {function}")
    except Wrong as hint:
        return Verdict(name, "wrong", str(hint))
    except Exception as error:  # a result of a kind that the check did not expect
        return Verdict(name, "wrong", f"The result is not of the kind that is asked for ({error}).")
    return Verdict(name, "right", "")


def _left_empty(source: bytes, name: str) -> str:
    """The first function of a file that is still to be filled in, or an empty text; found without running the file."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ""
    bodies = {node.name: node.body for node in tree.body if isinstance(node, ast.FunctionDef)}
    empty = ast.dump(ast.parse(TODO.strip()).body[0])
    names = [function.name for function in functions(name)]
    return next((name for name in names if name in bodies and ast.dump(bodies[name][-1]) == empty), "")
