"""A damaged or malicious model file is reported; nothing is unpickled or downloaded."""

import json
import math
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load, save

from lic import BadModel, ModelNotFound, UnsupportedVersion, decode
from lic.codec.entropy.entropy_model import ChannelTables
from lic.codec.model import catalogue, header
from lic.codec.model.catalogue import find_model
from lic.codec.model.check import check_arrays
from lic.tools.cli import main
from tests.fuzz.seeds import GOLDEN

Arrays = dict[str, NDArray[Any]]
ROOT = Path(__file__).parents[2]


def parts(name: str) -> tuple[Arrays, dict[str, Any]]:
    path = GOLDEN / f"golden-{name}.safetensors"
    return load(path.read_bytes()), find_model(path).card


def put(name: str, at: Any, value: Any) -> Callable[[Arrays, dict[str, Any]], None]:
    """Set an element of an array."""

    def damage(arrays: Arrays, _card: dict[str, Any]) -> None:
        arrays[name][at] = value

    return damage


def replace(name: str, change: Callable[[Any], Any]) -> Callable[[Arrays, dict[str, Any]], None]:
    """Change an array as a whole, or an entry of the card."""

    def damage(arrays: Arrays, card: dict[str, Any]) -> None:
        if name in arrays:
            arrays[name] = change(arrays[name])
        else:
            card[name] = change(card.get(name))

    return damage


def add(name: str, array: NDArray[Any]) -> Callable[[Arrays, dict[str, Any]], None]:
    def damage(arrays: Arrays, _card: dict[str, Any]) -> None:
        arrays[name] = array

    return damage


def drop(name: str) -> Callable[[Arrays, dict[str, Any]], None]:
    def damage(arrays: Arrays, card: dict[str, Any]) -> None:
        del (arrays if name in arrays else card)[name]

    return damage


WEIGHT = "synthesis.2.weight"
CARD = {
    "qualities of other points": (replace("qualities", lambda _: [1, 100, 200, 300]), "qualities"),
    "qualities that are no numbers": (replace("qualities", lambda _: [math.nan] * 2), "qualities"),
    "no name": (drop("name"), "name"),
    "a name that is none": (replace("name", lambda _: 7), "no proper name"),
    "a fingerprint that is none": (replace("fingerprint", lambda _: "xy"), "hexadecimal"),
    "a short fingerprint": (replace("fingerprint", lambda _: "ab"), "no proper name and fingerprint"),
    "no lambdas": (drop("lambdas"), "lambdas"),
    "an empty list of lambdas": (replace("lambdas", lambda _: []), "not in order"),
    "lambdas without order": (replace("lambdas", lambda old: old[::-1]), "not in order"),
    "lambdas that are not numbers": (replace("lambdas", lambda old: ["a", "b", "c"]), "not positive numbers"),
    "infinite lambdas": (replace("lambdas", lambda old: [*old[:-1], float("inf")]), "not positive numbers"),
    "too many lambdas": (replace("lambdas", lambda old: [1.0] * 257), "not in order"),
}
ARRAYS = {
    "another width": (replace("network", lambda old: old | {"n": 7}), r"analysis\.0\.bias"),
    "an absurd width": (replace("network", lambda old: old | {"n": 10**12}), "no network has 1000000000000 channels"),
    "a width that is none": (replace("network", lambda old: old | {"n": True}), "no network has True channels"),
    "a share too few": (replace("second_look", lambda _: [0.5, 1]), "second_look"),
    "a share above one": (replace("second_look", lambda _: [0, 1, 1.5]), "second_look"),
    "shares that are no numbers": (replace("second_look", lambda _: ["0", "1", "1"]), "not supported"),
    "a quick look without its tensor": (replace("quick_look", lambda _: [0, 0, 1]), "quick_look needs a tensor"),
    "a quick look too few": (replace("quick_look", lambda _: [0.5, 1]), "quick_look is not a share for each"),
    "a part of a preview": (
        add("preview.1.bias", np.zeros(48, np.float32)),
        "preview.0.expand.bias is missing",
    ),
    "fewer lambdas": (replace("lambdas", lambda old: old[:2]), "second_look"),
    "a tensor too few": (drop(WEIGHT), f"{WEIGHT} is missing"),
    "a tensor too many": (replace("extra", lambda _: 0), "extra"),
    "a tensor of another shape": (replace(WEIGHT, lambda a: a[:, :, :2].copy()), f"{WEIGHT} is "),
    "a tensor of another type": (replace(WEIGHT, lambda a: a.astype(np.float32)), "<f4"),
    "a weight that is no number": (put("analysis.0.bias", 0, np.nan), "bias holds numbers that are not finite"),
    "an infinite weight": (put("analysis.4.bias", 0, np.inf), "analysis.4.bias holds"),
    "a scale of zero": (put("unit", 0, 0), "scales"),
    "a negative scale": (put("restore", (0, 0), -1), "scales"),
    "a negative height": (put("heights", (0, 0), -1), "heights are out of range"),
    "a height too large": (put("heights", (0, 0), 2**20 + 1), "heights are out of range"),
    "a density of nothing": (put("heights", 0, 0), "heights are out of range"),
    "a step of zero": (put("steps", (0, 0), 0), "steps are out of range"),
    "a step too large": (put("steps", (0, 0), 2**24 + 1), "steps are out of range"),
    "tables of a gigabyte": (put("steps", (0, slice(None)), 1), "too small"),
}
CONTEXTS = {
    "no index": (drop("phases.index"), "phases.index is missing"),
    "no library": (drop("phases.heights"), "phases.heights"),
    "a table that is not there": (put("phases.index", (0, 0, 0, 0), 20), "tables that are not there"),
    "thresholds without order": (replace("phases.thresholds", lambda a: a[::-1].copy()), "not in order"),
    "fewer weights": (replace("phases.weights", lambda a: a[..., :8].copy()), "phases.weights"),
    "an empty density": (put("phases.heights", 3, 0), "phases.heights are out of range"),
    "a negative step": (put("phases.steps", 3, -5), "phases.steps are out of range"),
    "tables without end": (put("phases.steps", slice(None), 1), "too small"),
    "a weight of earlier channels too few": (
        replace("phases.earlier", lambda a: a[:, 1:].copy()),
        "phases.earlier",
    ),
    "a state that is not there": (add("phases.states", np.array([[0, 1], [2, 0]], np.uint8)), "states lead to one"),
    "a single state": (add("phases.states", np.zeros((1, 2), np.uint8)), "phases.states is"),
    "nine states": (add("phases.states", np.zeros((9, 2), np.uint8)), "phases.states is"),
    "a table that the first quantiser lacks": (add("phases.states", np.zeros((2, 2), np.uint8)), "are not there"),
    "too many tables": (replace("phases.heights", lambda a: np.resize(a, (300, 73))), "phases.heights is"),
}
CASES = [
    (kind, name, *case)
    for kind, cases in (("plain", CARD | ARRAYS), ("contexts", CONTEXTS))
    for name, case in cases.items()
]


@pytest.mark.parametrize(
    ("kind", "damage", "reason"), [(k, d, r) for k, _, d, r in CASES], ids=[n for _, n, _, _ in CASES]
)
def test_a_model_that_is_none_is_named(kind: str, damage: Callable[..., None], reason: str, tmp_path: Path) -> None:
    arrays, card = parts(kind)
    damage(arrays, card)
    if "extra" in card:
        arrays["extra"] = np.zeros(3, np.float16)
    path = tmp_path / "broken.safetensors"
    path.write_bytes(save(arrays, {header.CARD: json.dumps(card)}))
    with pytest.raises(BadModel, match=rf"broken\.safetensors is .*{reason}"):
        find_model(path).load()


NEWER = {
    "format": (replace("format", lambda _: 2), "format 2"),
    "architecture": (replace("network", lambda _: {"kind": "transformer", "n": 6, "m": 12}), "'transformer'"),
    "entropy model": (replace("entropy", lambda _: "mixtures"), "'mixtures'"),
}


@pytest.mark.parametrize(("change", "what"), NEWER.values(), ids=NEWER)
def test_a_newer_model_asks_for_a_newer_lic(change: Callable[..., None], what: str, tmp_path: Path) -> None:
    arrays, card = parts("plain")
    change(arrays, card)
    path = tmp_path / "newer.safetensors"
    path.write_bytes(save(arrays, {header.CARD: json.dumps(card)}))
    with pytest.raises(UnsupportedVersion, match=rf"{what}.*install a newer lic"):
        find_model(path).load()


def test_the_largest_numbers_are_in_range() -> None:
    arrays, card = parts("plain")
    arrays["heights"][0, 0], arrays["steps"][0, 0] = 2**20, 2**24
    check_arrays(arrays, card, ChannelTables)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "7", "null", '{"__metadata__": []}', '{"__metadata__": {"lic.model": "[]"}}']
)
def test_a_header_that_is_none_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode())
    with pytest.raises(BadModel, match=r"broken\.safetensors"):
        find_model(path)


def test_no_flipped_bit_goes_unnoticed(tmp_path: Path) -> None:
    """Except in descriptions in the card, which nothing depends on."""
    original = find_model(GOLDEN / "golden-contexts.safetensors").load()
    data = original.to_bytes()
    choice = random.Random(5)
    path = tmp_path / "flipped.safetensors"
    header = 8 + int.from_bytes(data[:8], "little")
    for i in range(200):
        at = choice.randrange(header) if i < 100 else choice.randrange(header, len(data))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << choice.randrange(8)]) + data[at + 1 :])
        catalogue._load.cache_clear()
        try:
            model = find_model(path).load()
        except (BadModel, UnsupportedVersion):  # a format of another number is a newer one
            continue
        assert at < header and model.fingerprint == original.fingerprint
        assert all((model.weight(name) == original.weight(name)).all() for name in model.architecture.tensors)


def test_a_damaged_model_is_one_line_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = (GOLDEN / "golden-plain.safetensors").read_bytes()
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(data[:-1000] + b"?" + data[-999:])
    monkeypatch.setenv("LIC_MODELS", str(tmp_path))
    assert main(["decode", str(GOLDEN / "plain.lic"), "-o", str(tmp_path / "x.png")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{path} is damaged" in line
    with pytest.raises(BadModel, match=re.escape(str(path))):
        decode(GOLDEN / "plain.lic")
    with pytest.raises(OSError, match=re.escape(str(path))):
        Image.open(GOLDEN / "plain.lic").load()


def test_a_model_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(BadModel, match=r"folder\.safetensors"):
        find_model(tmp_path / "folder.safetensors").load()
    with pytest.raises(ModelNotFound, match=r"none\.safetensors"):
        find_model(tmp_path / "none.safetensors").load()


ALONE = """
import sys

def refuse(event, arguments):
    if event.startswith(("socket.", "urllib.", "http.")) or event == "pickle.find_class":
        print(event, file=sys.stderr)
        raise RuntimeError(f"{event} {arguments}")

sys.addaudithook(refuse)
import numpy as np
from lic import decode, encode
print(decode(encode(np.full((40, 60, 3), 90, np.uint8))).size)
try:
    import socket
    socket.socket()
except RuntimeError:
    print("sockets are blocked")
"""


def test_pictures_are_coded_without_network_and_without_pickle() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["(60, 40)", "sockets are blocked"]
    assert done.stderr.splitlines() == ["socket.__new__"]  # only the attempt that was to be refused


def test_no_module_unpickles_more_than_tensors() -> None:
    unsafe = re.compile(r"\b(c?pickle|shelve|marshal|joblib|dill|allow_pickle|torch\.load)\b(?!.*weights_only=True)")
    modules = [path for room in ("models", "codec", "tools") for path in (ROOT / room).glob("**/*.py")]
    assert len(modules) > 50
    assert [path.name for path in modules if unsafe.search(path.read_text())] == []


@pytest.mark.parametrize("points", [3, 256])
def test_a_model_whose_tables_would_take_long_is_refused_before_they_are_made(
    points: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays, card = parts("plain")
    step = 48 if points == 3 else 256  # more than 2^20 entries for a point, or 2^22 for all
    arrays["steps"] = np.full((points, 12), step, np.int32)
    arrays["restore"] = np.ones((points, 12), np.float32)
    card |= {"lambdas": [0.001 * (k + 1) for k in range(points)], "second_look": [0.0] * points, "sha256": None}
    path = tmp_path / "slow.safetensors"
    path.write_bytes(save(arrays, {header.CARD: json.dumps(card)}))
    monkeypatch.setattr("lic.codec.entropy.tables.frequency_tables", lambda *_: pytest.fail("tables are made"))
    with pytest.raises(BadModel, match="steps are too small"):
        find_model(path).load()
