"""Reference answers are right, empty exercises are not yet right, and common mistakes get their hints."""

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lic.tools.course.exercises import answers
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
    stub,
    write_stubs,
)

FUNCTIONS = [(name, function.name) for name in EXERCISES for function in functions(name)]

# exercise: (what the reference answer has, what a learner may write instead, a part of the hint)
SLIPS = {
    "latent_variables": [
        ("torch.logsumexp(log_prior[:, None] + log_likelihood, dim=0)", "log_likelihood.logsumexp(0)", "prior"),
        (
            "torch.logsumexp(log_prior[:, None] + log_likelihood, dim=0)",
            "(log_prior[:, None] + log_likelihood).sum(0)",
            "product",
        ),
        (
            "torch.logsumexp(log_prior[:, None] + log_likelihood, dim=0)",
            "(log_prior[:, None] + log_likelihood).exp().sum(0).log()",
            "logsumexp",
        ),
        ("return log_joint - torch.logsumexp(log_joint, dim=0)", "return log_joint", "Subtract"),
    ],
    "mixture_em": [
        ("weights.log()[:, None] - (", "-(", "weights"),
        ("torch.softmax(log_joint, dim=0)", "log_joint.exp()", "add up to one"),
        ("responsibilities @ y / counts", "responsibilities @ y / len(y)", "instead of N"),
        ("(y - means[:, None]) ** 2).sum(1)", "y**2).sum(1)", "instead of zero"),
    ],
    "em_as_ascent": [
        (" - q.log())", ")", "entropy"),
        ("log_weights[:, None] + log_likelihood, dim=0", "log_likelihood, dim=0", "depends on p(z)"),
        ("q.mean(1)", "q.sum(1)", "add up to one"),
    ],
    "hard_em": [
        (
            "torch.nn.functional.one_hot(log_joint.argmax(0), len(log_joint)).T.to(log_joint.dtype)",
            "log_joint.softmax(0)",
            "soft",
        ),
        ("(q * log_joint).sum(0)", "(q * (log_joint - q.log())).sum(0)", "entropy"),
    ],
    "em_as_gradient": [
        ("(responsibilities * (y - means[:, None]))", "(y - means[:, None])", "Weight"),
        ("(y - means[:, None])", "(means[:, None] - y)", "sign"),
        ("gradient / responsibilities.sum(1)", "gradient / responsibilities.shape[1]", "1 / N"),
    ],
    "colour_by_segment": [
        ("segments.T @ colours", "colours[segments.argmax(0)]", "most probable"),
        ("segments.log() - ", "-", "P(z|x)"),
    ],
    "elbo_four_ways": [
        ("(log_prior + log_likelihood - q.log())", "(log_prior + log_likelihood)", "log_ratio: That is the hard"),
        ("evidence - (q * (q.log()", "evidence + (q * (q.log()", "exceed"),
        ("(q * log_likelihood).sum() -", "(q * (log_prior + log_likelihood)).sum() -", "no prior"),
        ("- (q * q.log()).sum()", "+ (q * q.log()).sum()", "sign of the entropy"),
    ],
    "elbo_estimators": [
        ("log_likelihood - log_q", "log_likelihood", "hard"),
        ("log_likelihood - kl_to_prior", "log_likelihood + kl_to_prior", "sign"),
    ],
    "linear_autoencoder": [
        ("vectors.flip(1).T[:count]", "vectors.T[:count]", "largest"),
        ("(y - mean) @ components.T @ components + mean", "y @ components.T @ components", "mean zero"),
        ("@ components + mean", "@ components", "Add the mean"),
    ],
    "factor_posterior": [
        (
            "torch.linalg.inv(torch.eye(loadings.shape[1], dtype=y.dtype) + loadings.T @ scaled)",
            "torch.eye(loadings.shape[1], dtype=y.dtype) + loadings.T @ scaled",
            "inverse of G",
        ),
        ("return covariance + means", "return means", "covariance is missing"),
    ],
    "mean_field_update": [
        ("mean[0] - precision", "mean[0] + precision", "sign"),
        ("best, 1 / precision[0, 0]", "best, precision.inverse()[0, 0]", "variance of p"),
    ],
    "gaussian_kl": [
        (".sum()", "", "Sum"),
        (" - 0.5)", ")", "itself is zero"),
        ("(deviation_p / deviation_q).log()", "(deviation_q / deviation_p).log()", "wrong sign"),
    ],
    "standard_prior": [
        ("(mean - prior_mean) / prior_deviation", "mean / prior_deviation + prior_mean", "slide"),
        ("weight * prior_deviation", "weight / prior_deviation", "multiply"),
    ],
    "reparametrisation": [
        ("(log_variance / 2).exp()", "log_variance.exp()", "deviation"),
        ("mean + (log_variance / 2).exp()", "mean.detach() + (log_variance / 2).exp()", "differentiable"),
    ],
    "generation": [
        ("torch.linspace(0, 1, steps, dtype=start.dtype)", "(torch.arange(steps) / steps)", "n - 1"),
        ("i = torch.bucketize", "i = 0 * torch.bucketize", "cumulative"),
    ],
    "posterior_collapse": [
        (".clamp(max=1)", "", "wider"),
        (".clamp(min=1)", "", "never negative"),
    ],
    "l1_against_l2": [
        ("values.mean()", "values.median()", "Exchange"),
        ("values.median()", "values.mean()", "blurs"),
        (" + math.log(2 * scale)", "", "ln 2g"),
    ],
    "differential_entropy": [
        (
            "0.5 * math.log(2 * math.pi * math.e * deviation**2)",
            "0.5 * math.log2(2 * math.pi * math.e * deviation**2)",
            "bits",
        ),
        ("entropy + math.log(factor)", "entropy - math.log(factor)", "sign"),
        ("(entropy - math.log(width)) / math.log(2)", "entropy - math.log(width)", "nats"),
    ],
    "rate_bound": [
        (".log()).sum(1).mean()", ".log()).sum()", "mean over y"),
        ("(marginal * (marginal / prior)", "(prior * (prior / marginal)", "other way round"),
    ],
    "trade_off": [
        ("3 / (2 * lambda_ * math.log(2))", "1 / (2 * lambda_ * math.log(2))", "three values"),
        ("3 / (2 * lambda_ * math.log(2))", "3 / (2 * lambda_)", "ln 2"),
        ("lambda_ * distortions", "distortions / lambda_", "large lambda"),
    ],
    "divisive_normalisation": [
        ('"ij,bjhw->bihw"', '"ji,bjhw->bihw"', "transposed"),
        ("x / pool.sqrt()", "x / pool", "square root"),
        ("x / pool.sqrt()", "x * pool.sqrt()", "inverse"),
    ],
    "sub_pixel": [
        ("x.permute(0, 3, 4, 1, 5, 2)", "x", "permute"),
        (
            "x = x.reshape(b, r, r, channels // r**2, height, width)",
            "return __import__('torch').pixel_shuffle(x, r)",
            "fastest",
        ),
    ],
    "noise_and_rounding": [
        ("(y + 0.5).floor()", "y.round()", "even"),
        ("cdf(v + 0.5) - cdf(v - 0.5)", "cdf(v + 1) - cdf(v)", "centred"),
        ("(round_half_up(y) - y).detach()", "(round_half_up(y) - y)", "gradient"),
        ("y + (round_half_up(y) - y).detach()", "round_half_up(y).detach()", "no gradient"),
    ],
    "piecewise_linear": [
        ("below[i] + t * (heights[i] + at_y) / 2", "below[i]", "missing"),
        ("(heights[i] + at_y) / 2", "heights[i]", "trapezium"),
    ],
    "arithmetic_coding": [
        ("low += width * sum", "low += sum", "relative"),
        ("number >= probabilities[symbol]", "number > probabilities[symbol]", "belongs"),
    ],
    "adaptive_coding": [
        ("setdefault(context,", "setdefault(0,", "share"),
        (
            "bits -= math.log2(seen[symbol] / sum(seen))\n        seen[symbol] += 1",
            "seen[symbol] += 1\n        bits -= math.log2(seen[symbol] / sum(seen))",
            "before",
        ),
    ],
    "conditional_coding": [
        ("joint.sum(0)", "joint.sum(1)", "H(x)"),
        ("joint.sum(1, keepdim=True)", "joint.sum(0)", "H(x|y)"),
    ],
    "hierarchy": [
        ("-prior.log2() - conditional", "-conditional", "itself"),
        (
            "-torch.logsumexp(prior.log() + conditional[:, z].log().sum(1), dim=0) / torch.tensor(2.0).log()",
            "-(prior @ conditional)[z].log2().sum()",
            "whole block",
        ),
    ],
    "case_study": [
        ("8 * size", "size", "bytes per pixel"),
        ("a.astype(float)", "a", "Convert to float"),
    ],
}
MISTAKES = [(name, *slip) for name, slips in SLIPS.items() for slip in slips]


@pytest.fixture
def judge(tmp_path: Path) -> Callable[[str, str], Verdict]:
    """The verdict on an answer to an exercise, given as source."""

    def verdict(name: str, source: str) -> Verdict:
        path = tmp_path / FILE_NAMES[name]
        path.write_text(source, encoding="utf-8")
        return check(path)

    return verdict


def test_each_exercise_has_an_answer_a_check_and_mistakes() -> None:
    files = {path.stem for path in Path(*answers.__path__).glob("*.py")} - {"__init__"}
    assert files == set(EXERCISES) == set(SLIPS)


@pytest.mark.parametrize("name", EXERCISES)
def test_the_reference_answer_is_right(name: str, judge: Callable[[str, str], Verdict]) -> None:
    assert judge(name, answer_source(name)) == Verdict(name, "right", "")


@pytest.mark.parametrize("name", EXERCISES)
def test_an_empty_exercise_is_not_yet_right(name: str, judge: Callable[[str, str], Verdict]) -> None:
    source = stub(name)
    assert source.count(TODO) == len(functions(name)) and not re.search(r"^ +return ", source, re.MULTILINE)
    assert judge(name, source) == Verdict(name, "not yet", f"fill in {functions(name)[0].name}")


def with_body(name: str, function: str, body: str) -> str:
    """The reference answer with another body of one function."""
    lines = answer_source(name).splitlines(keepends=True)
    (node,) = (node for node in functions(name) if node.name == function)
    lines[node.body[0].end_lineno : node.end_lineno] = [body]
    return "".join(lines)


@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
def test_no_function_may_be_left_empty(name: str, function: str, judge: Callable[[str, str], Verdict]) -> None:
    assert judge(name, with_body(name, function, TODO)) == Verdict(name, "not yet", f"fill in {function}")
    assert judge(name, with_body(name, function, "    return None\n")).state == "wrong"


def spoilt(result: Any) -> list[Any]:
    """Results that differ from this one, in one part each."""
    if isinstance(result, tuple):
        return [(*result[:k], wrong, *result[k + 1 :]) for k in range(len(result)) for wrong in spoilt(result[k])]
    if isinstance(result, list):
        return [[*result[:-1], (result[-1] + 1) % 3]]
    if isinstance(result, int):
        return [result + 1]
    return [result + Fraction(1, 999) if isinstance(result, Fraction) else result * 1.01 + 0.001]


@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
def test_every_part_of_a_result_is_compared(name: str, function: str, part: int) -> None:
    scope: dict[str, Any] = {}
    exec(answer_source(name), scope)
    right = scope[function]

    def changed(*arguments: Any) -> Any:
        variants = spoilt(right(*arguments))
        return variants[part % len(variants)]

    with pytest.raises(Wrong):
        EXERCISES[name](SimpleNamespace(**scope | {function: changed}))


@pytest.mark.parametrize(("name", "right", "written", "hint"), MISTAKES)
def test_a_mistake_gets_its_hint(
    name: str, right: str, written: str, hint: str, judge: Callable[[str, str], Verdict]
) -> None:
    source = answer_source(name)
    assert right in source
    verdict = judge(name, source.replace(right, written))
    assert verdict.state == "wrong" and hint in verdict.message


def test_code_that_does_not_run_is_wrong_and_says_where(judge: Callable[[str, str], Verdict]) -> None:
    source = stub("gaussian_kl")
    assert "SyntaxError" in judge("gaussian_kl", source.replace("import Tensor", "import")).message
    assert judge("gaussian_kl", source.replace("def kl", "def mine")).message == "the function kl is missing"
    verdict = judge("gaussian_kl", source.replace(TODO, "    return mean_q / undefined\n"))
    line = source[: source.index(TODO)].count("\n") + 1
    assert verdict == ("gaussian_kl", "wrong", f"NameError: name 'undefined' is not defined (line {line})")


def test_arguments_may_be_changed_in_place(judge: Callable[[str, str], Verdict]) -> None:
    body = "    return log_likelihood.add_(log_prior[:, None]).logsumexp(0)\n"
    assert judge("latent_variables", with_body("latent_variables", "log_evidence", body)).state == "right"


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
    assert find_answers(folder) == sorted(folder.iterdir())
    assert find_answers(second) == [second]


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
