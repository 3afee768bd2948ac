"""The options that `lic learn figures` and `lic learn theory` share: where figures come from."""

import argparse

from lic.tools.course.figure_context import Context
from lic.tools.course.gallery import OF_THE_CODEC
from lic.tools.usage import UsageError

DEFAULT_STEPS = 800


def add_figure_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", nargs="+", metavar="DATA", help="pictures and folders (scikit-image's)")
    parser.add_argument("-m", "--model", help="codec model, by name or file (see `lic models`)")
    parser.add_argument("--steps", type=int, default=DEFAULT_STEPS, help="for each network that a figure trains (800)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (0)")


def context_for(args: argparse.Namespace, names: list[str]) -> Context:
    """The context for figures of these names; if their model is missing, this fails before anything is trained."""
    if args.steps < 1:
        raise UsageError(f"--steps {args.steps}: give 1 or more")
    context = Context(tuple(args.data or ()), args.model, args.steps, args.seed)
    if OF_THE_CODEC & set(names):
        _ = context.network
    return context
