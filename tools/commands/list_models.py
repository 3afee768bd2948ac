"""`lic models`: the trained models that can be found."""

import argparse
import sys

from lic.codec.model.catalogue import MODELS_VARIABLE, damaged_models, list_models, model_folders
from lic.tools.usage import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = f"Folders named in the environment variable {MODELS_VARIABLE} are searched, too."


def run(args: argparse.Namespace) -> int:
    found, damaged = list(list_models()), damaged_models()
    for error in damaged:
        print(printable(str(error)), file=sys.stderr)
    if not found:
        print(printable("no models in " + " or ".join(map(str, model_folders()))))
        return 1
    print(f"{'name':<16} {'fingerprint':<12} {'N':>4} {'M':>4}  {'lambda points':<30} file")
    for file in found:
        lambdas, network = file.card["lambdas"], file.architecture
        points = f"{len(lambdas)}, {min(lambdas):g} to {max(lambdas):g}" if len(lambdas) > 1 else f"{lambdas[0]:g}"
        name, path = printable(file.name), printable(str(file.path))
        print(f"{name:<16} {file.fingerprint.hex():<12} {network.n:>4} {network.m:>4}  {points:<30} {path}")
    return 1 if damaged else 0
