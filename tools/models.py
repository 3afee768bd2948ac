"""`lic models`: the trained models that can be found."""

import argparse

from lic.codec.catalog import MODELS_VARIABLE, list_models, model_folders


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = f"Folders named in the environment variable {MODELS_VARIABLE} are searched, too."


def run(args: argparse.Namespace) -> int:
    found = list(list_models())
    if not found:
        print("no models in " + " or ".join(map(str, model_folders())))
        return 1
    print(f"{'name':<16} {'fingerprint':<12} {'N':>4} {'M':>4}  {'lambda points':<30} file")
    for file in found:
        card = file.card
        lambdas = card["lambdas"]
        points = f"{len(lambdas)}, {min(lambdas):g} to {max(lambdas):g}" if len(lambdas) > 1 else f"{lambdas[0]:g}"
        print(f"{file.name:<16} {file.fingerprint.hex():<12} {card['n']:>4} {card['m']:>4}  {points:<30} {file.path}")
    return 0
