"""Mutation testing: does a test fail when a line of the code is wrong? Prints the mutants that no test detects.

    pip install -e '.[test]' 'cosmic-ray>=8.7,<9'
    python tests/mutants/run.py file.container entropy.tables entropy.reference

The changes are cosmic-ray's. Each mutant runs in a fork of a process that has the libraries loaded already, so that
one takes as long as the tests until the first that fails. TESTS names the modules of lic.codec, and the tests of each.
"""

import argparse
import ast
import difflib
import importlib
import importlib.abc
import importlib.util
import os
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import cosmic_ray.plugins
import hypothesis
import pytest
from cosmic_ray.mutating import mutate_code

from lic.codec.threads import use_threads

ROOT = Path(__file__).parents[2]
LIBRARIES = (
    "torch",
    "numpy",
    "PIL.Image",
    "safetensors.numpy",
    "skimage.data",
    "hypothesis.extra.numpy",
)
BAD_FILES = "tests/codec/test_bad_files.py"
TESTS = {
    "file.container": ["tests/codec/file/test_container.py", BAD_FILES, "tests/codec/test_limits.py"],
    "entropy.tables": ["tests/codec/entropy/test_tables.py", "tests/codec/test_weights.py"],
    "entropy.quantisers": ["tests/codec/entropy/test_coder.py", "tests/codec/test_golden.py"],
    "entropy.reference": ["tests/codec/entropy/test_coder.py", "tests/codec/test_golden.py", BAD_FILES],
}
SLOW = ("command_line", "pillow", "every_machine", "claim_a_gigapixel", "before_torch", "flipped_bit_goes", "network")
# A selection of cosmic-ray's operators: an operator becomes its opposite or a similar one.
OPERATORS = (
    *(
        "NumberReplacer",
        "AddNot",
        "ReplaceTrueWithFalse",
        "ReplaceFalseWithTrue",
        "ReplaceAndWithOr",
        "ReplaceOrWithAnd",
    ),
    *(
        "ZeroIterationForLoop",
        "ExceptionReplacer",
        "ReplaceUnaryOperator_Delete_USub",
        "ReplaceUnaryOperator_Delete_Not",
    ),
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("Add_Sub", "Sub_Add", "Mul_Add", "Mul_FloorDiv", "FloorDiv_Mul")),
    *(
        f"ReplaceBinaryOperator_{pair}"
        for pair in ("Mod_FloorDiv", "Div_Mul", "Pow_Mul", "RShift_LShift", "LShift_RShift")
    ),
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("BitOr_BitAnd", "BitAnd_BitOr")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Lt_GtE", "Gt_LtE", "Is_IsNot", "IsNot_Is")),
)
CPU_SECONDS = 90  # a mutant that never ends is stopped, and counts as found


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module with other code."""

    def __init__(self, name: str, path: Path, code: str) -> None:
        self.name, self.path, self.code = name, path, code

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self, origin=str(self.path)) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.code, str(self.path), "exec"), module.__dict__)


def mutants(code: str) -> Iterator[str]:
    """All that differ in more than comments and types, each once."""
    seen = {ast.dump(ast.parse(code))}
    for name in OPERATORS:
        operator = cosmic_ray.plugins.get_operator(f"core/{name}")()
        occurrence = 0
        while (mutated := mutate_code(code, operator, occurrence)) is not None:
            occurrence += 1
            try:
                tree = ast.dump(ast.parse(mutated))
            except SyntaxError:
                continue
            if tree not in seen:
                seen.add(tree)
                yield mutated


def source(module: str) -> Path:
    return ROOT / "codec" / f"{module.replace('.', '/')}.py"


def survives(module: str, code: str) -> bool:
    """Whether all tests pass with this code instead of a module's."""
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        for descriptor in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        sys.meta_path.insert(0, Mutated(f"lic.codec.{module}", source(module), code))
        chosen = " and ".join(f"not {name}" for name in SLOW)
        runs = (pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-k", chosen, file]) for file in TESTS[module])
        passed = not any(runs)  # file by file: most mutants fall in the first
        os._exit(0 if passed else 1)
    return os.waitpid(child, 0)[1] == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+", choices=TESTS)
    parser.add_argument("--share", type=float, default=1, help="only this share of the mutants, drawn at random")
    args = parser.parse_args()
    os.chdir(ROOT)
    for library in LIBRARIES:
        importlib.import_module(library)
    use_threads(1)
    # A failing example is enough here: searching for the smallest one takes most of the time.
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutants", derandomize=True, database=None, deadline=None, phases=phases)
    hypothesis.settings.load_profile("mutants")
    for module in args.modules:
        code = source(module).read_text()
        if not survives(module, code):
            raise SystemExit(f"the tests of {module} fail without any change")
        count: Counter[bool] = Counter()
        choice, start = random.Random(module), time.monotonic()
        for mutant in mutants(code):
            if choice.random() >= args.share:
                continue
            alive = survives(module, mutant)
            count[alive] += 1
            if alive:
                lines = difflib.unified_diff(code.splitlines(), mutant.splitlines(), module, module, lineterm="", n=0)
                print(*list(lines)[2:], sep="\n", flush=True)
        minutes = (time.monotonic() - start) / 60
        print(f"{module}: {count.total()} mutants, {count[True]} survive ({minutes:.0f} minutes)", flush=True)


if __name__ == "__main__":
    main()
