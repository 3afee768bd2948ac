"""The package as its users find it: the public face, and that everything is installed that belongs to it."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import lic

ROOT = Path(__file__).parents[1]


def python(*arguments: str, folder: Path | None = None) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_code_and_data_are_installed() -> None:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 does not read TOML")
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    installed = set()
    for package in setuptools["packages"]:
        top = max((name for name in setuptools["package-dir"] if f"{package}.".startswith(f"{name}.")), key=len)
        folder = ROOT.joinpath(setuptools["package-dir"][top], *package.removeprefix(top).split("."))
        assert (folder / "__init__.py").exists(), package
        for pattern in ("*.py", *setuptools["package-data"].get(package, ())):
            installed |= set(folder.glob(pattern))
    not_copied = (".md", ".pyc", ".c", ".h", ".so", ".pyd")  # documents, what setup.py compiles and what comes of it
    needed = {
        path
        for top in setuptools["package-dir"].values()
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix not in not_copied and path.parent.name != "readme"
    }
    assert needed - installed == set(), "pyproject.toml lists packages and package-data"


def test_all_that_is_public_is_there() -> None:
    assert {"encode", "decode", "read_info", "LicError", "__version__"} <= set(lic.__all__) <= set(dir(lic))
    assert all(getattr(lic, name) for name in lic.__all__)
    assert lic.__version__ == version("lic-codec")


def test_a_misspelt_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'lic' has no attribute 'enkode'"):
        lic.enkode  # noqa: B018


def test_python_m_lic_is_the_command() -> None:
    assert python("-m", "lic", "--version") == f"lic {lic.__version__}\n"
    assert python("-m", "lic", "encode", "--help").startswith("usage: lic encode IN...")


def test_importing_lic_teaches_pillow_the_format_and_imports_neither_numpy_nor_torch() -> None:
    script = """
import sys, lic
from PIL import Image
print(Image.registered_extensions()[".lic"], sorted({"numpy", "torch"} & sys.modules.keys()))
"""
    assert python("-c", script) == "LIC []\n"


def test_decoding_imports_only_what_it_uses() -> None:
    script = """
import sys
before = set(sys.modules)
import lic
lic.decode(sys.argv[1], model=sys.argv[2])
new = sys.modules.keys() - before
print(*sorted({name.partition(".")[0] for name in new if name[0] != "_"} - sys.stdlib_module_names))
print(*sorted(name for name in new if name.startswith("PIL.") and name.endswith("Plugin")))
print(*sorted({"email", "multiprocessing", "ssl", "urllib.request", "lic.codec.encode.encoder"} & new))
print(*sorted(name for name in new if name.startswith("lic.tools.")))
"""
    golden = ROOT / "conformance"
    found = python("-c", script, str(golden / "contexts.lic"), str(golden / "golden-contexts.safetensors"))
    assert found.splitlines() == ["PIL lic numpy", "", "", ""]


def test_python_started_in_the_repository_finds_all_packages() -> None:
    script = """
import sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]  # as by `pip install .`
import importlib.util, lic, lic.models.density, lic.codec.errors, lic.tools.cli
print(importlib.util.find_spec("lic.setup"))
"""
    assert python("-c", script, folder=ROOT) == "None\n"
