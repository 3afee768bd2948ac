"""The order of lessons: chapters of `lic learn theory`, each with its exercises and steps to a codec."""

from typing import NamedTuple

from lic.tools.course.exercises.workbook import FILE_NAMES


class Lesson(NamedTuple):
    """A chapter to read, by its title, and what to fill in afterwards, in this order."""

    chapter: str
    exercises: tuple[str, ...]


LESSONS = (
    Lesson("Latent variables", ("latent_variables", "colour_by_segment")),
    Lesson("EM", ("mixture_em", "em_as_ascent", "em_as_gradient")),
    Lesson("Hard EM", ("hard_em",)),
    Lesson("The ELBO in its four forms", ("elbo_four_ways", "elbo_estimators")),
    Lesson("PCA and factor analysis", ("linear_autoencoder", "factor_posterior")),
    Lesson("Mean field", ("mean_field_update",)),
    Lesson(
        "The Gaussian VAE",
        ("gaussian_kl", "standard_prior", "reparametrisation", "generation", "posterior_collapse", "l1_against_l2"),
    ),
    Lesson("The noisy channel", ("rate_bound", "trade_off")),
    Lesson("Differential entropy", ("differential_entropy",)),
    Lesson(
        "Rate and distortion",
        (
            *("step_01_quantiser", "step_02_rate", "step_03_best_step"),
            *("step_04_blocks", "step_05_transform", "step_06_coding_gain"),
        ),
    ),
    Lesson("Rounding", ("noise_and_rounding", "step_07_density", "step_08_probabilities", "piecewise_linear")),
    Lesson("Choosing symbols", ()),
    Lesson(
        "Arithmetic coding",
        ("arithmetic_coding", "step_09_tables", "step_10_range_encoder", "step_11_range_decoder", "adaptive_coding"),
    ),
    Lesson("Conditional coding", ("conditional_coding", "hierarchy")),
    Lesson("The codec", ("step_12_codec", "divisive_normalisation", "sub_pixel", "case_study")),
)


def plan(suffix: str = ".py") -> str:
    """The order of lessons as Markdown, for the folder of exercises.

    >>> print(plan().splitlines()[6])
    1. Latent variables: `01_latent_variables.py`, `06_colour_by_segment.py`
    """
    rows = [
        f"{number}. {lesson.chapter}: "
        + (
            ", ".join(f"`{FILE_NAMES[name].removesuffix('.py')}{suffix}`" for name in lesson.exercises)
            or "to read only"
        )
        for number, lesson in enumerate(LESSONS, start=1)
    ]
    return "\n".join(
        [
            "# Exercises",
            "",
            "Read a chapter of the page that `lic learn theory -o theory/` makes, then fill in its exercises and check",
            "them: `lic learn exercises FOLDER`. The files `step_01` to `step_12` build up a codec that writes files;",
            "each begins with a question, to be answered on paper.",
            "",
            *rows,
            "",
        ]
    )
