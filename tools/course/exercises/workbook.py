"""The exercises in the order of the lectures: files for learners, and verdicts on them."""

import ast
import copy
import inspect
import runpy
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple

import torch

from lic.codec.errors import LicError
from lic.tools.course.exercises import checks_of_codecs, checks_of_em, checks_of_vae
from lic.tools.course.exercises.verdicts import Wrong
from lic.tools.files import write_whole

TODO = "    raise NotImplementedError  # fill this in\n"

# An exercise's name is that of the file with its reference answer, and of the function that checks answers.
CHECKS: tuple[Callable[[SimpleNamespace], None], ...] = (
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
EXERCISES = {check.__name__: check for check in CHECKS}
FILE_NAMES = {name: f"{number:02}_{name}.py" for number, name in enumerate(EXERCISES, start=1)}


class NoExercise(LicError):
    """A file or folder has no exercise in it."""


class Verdict(NamedTuple):
    """What the check of an exercise found; `message` is empty, or says what to do next."""

    exercise: str
    state: Literal["right", "not yet", "wrong"]
    message: str


def answer_source(name: str) -> str:
    """The file with the reference answer."""
    return inspect.getsource(import_module(f"lic.tools.course.exercises.answers.{name}"))


def functions(name: str) -> list[ast.FunctionDef]:
    """The functions to fill in: all that the reference answer defines."""
    return [node for node in ast.parse(answer_source(name)).body if isinstance(node, ast.FunctionDef)]


def stub(name: str) -> str:
    """The file to fill in: the reference answer without the bodies of its functions.

    >>> print(stub("gaussian_kl").splitlines()[-1])
        raise NotImplementedError  # fill this in
    """
    lines = answer_source(name).splitlines(keepends=True)
    for function in reversed(functions(name)):
        docstring = function.body[0]
        lines[docstring.end_lineno : function.end_lineno] = [TODO]
    return "".join(lines)


def write_stubs(folder: Path) -> list[Path]:
    """Write the files to fill in that are not in the folder yet; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = {folder / file: name for name, file in FILE_NAMES.items() if not (folder / file).exists()}
    for path, name in missing.items():
        write_whole(path, stub(name).encode())
    return list(missing)


def find_answers(path: Path) -> list[Path]:
    """The exercises' files in a folder, in order; or the one file given."""
    if not path.exists():
        raise NoExercise(f"{path}: there is no such file or folder; write the exercises first")
    files = [path] if path.is_file() else [path / file for file in FILE_NAMES.values()]
    found = [file for file in files if file.name in FILE_NAMES.values() and file.exists()]
    if not found:
        raise NoExercise(f"{path}: no exercise; files keep the names that they were written with, like {files[0].name}")
    return found


def check(path: Path) -> Verdict:
    """Run a learner's file and check its functions."""
    (name,) = (name for name, file in FILE_NAMES.items() if file == path.name)
    try:
        answer = runpy.run_path(str(path))
        if missing := [function.name for function in functions(name) if function.name not in answer]:
            return Verdict(name, "wrong", f"the function {missing[0]} is missing")
        EXERCISES[name](SimpleNamespace(**{node.name: _on_copies(answer[node.name]) for node in functions(name)}))
    except NotImplementedError as error:
        return Verdict(name, "not yet", f"fill in {traceback.extract_tb(error.__traceback__)[-1].name}")
    except Wrong as hint:
        return Verdict(name, "wrong", str(hint))
    except Exception as error:  # whatever a learner's code raises
        return Verdict(name, "wrong", f"{type(error).__name__}: {error}{_where(error, path)}")
    return Verdict(name, "right", "")


def _on_copies(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, but what it changes in place are copies of its arguments: checks use theirs again."""

    def call(*arguments: Any) -> Any:
        return function(*(a.clone() if isinstance(a, torch.Tensor) else copy.deepcopy(a) for a in arguments))

    return call


def _where(error: Exception, path: Path) -> str:
    if isinstance(error, SyntaxError):  # the message has the line
        return ""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return f" (line {lines[-1]})" if lines else ""
