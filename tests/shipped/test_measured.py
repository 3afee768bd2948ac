"""What the documents say is what was measured, with the models that ship."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from lic.codec.model.catalogue import list_models
from lic.tools.evaluation.results import load_results
from tests.conftest import Pixels
from tests.results import acceptance
from tests.results.documents import BLOCKS, FOLDER, KODAK, PAGES, ROOT, blocks_of, filled, read, results

SHIPPED = {model.name: model.fingerprint.hex() for model in list_models() if model.path.parent.name == "weights"}


@pytest.mark.parametrize("page", PAGES)
def test_a_document_says_what_was_measured(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert filled(text) == text, f"run `python -m tests.results.documents` and look at what changes in {page}"


def test_every_table_is_in_one_document() -> None:
    names = [name for page in PAGES for name in blocks_of((ROOT / page).read_text(encoding="utf-8"))]
    assert sorted(names) == sorted(BLOCKS)


def test_a_wrong_figure_is_noticed() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    wrong = text.replace("| **lic (photo)** | **-", "| **lic (photo)** | **-1")
    assert wrong != text and filled(wrong) == filled(text)


@pytest.mark.parametrize(
    "path",
    [*KODAK, FOLDER / "eye.json", *(FOLDER / f"valid-{name}.json" for name in ("effort16", "ms-ssim"))],
    ids=lambda path: path.name,
)
def test_lic_was_measured_with_the_models_that_ship(path: Path) -> None:
    measured = results(path.name)
    assert not measured.failed()
    for info in measured.codecs.values():
        if info.label.startswith("lic"):
            name, fingerprint = info.version.split(", model ")[1].split()
            assert fingerprint == SHIPPED[name]


@pytest.mark.parametrize("name", ["speed.json", "hostile.json", "browser.json"])
def test_benchmarks_were_run_with_the_model_that_ships(name: str) -> None:
    assert read(name)["model"] == f"photo {SHIPPED['photo']}"


def test_targets_were_measured_with_the_model_that_ships() -> None:
    assert next(iter(read("targets.json")["models"])) == f"photo {SHIPPED['photo']}"


def test_the_model_that_ships_was_accepted() -> None:
    measured = results("acceptance.json")
    assert {info.version.split()[-1] for codec, info in measured.codecs.items() if codec.startswith("candidate")} == {
        SHIPPED["photo"]
    }
    assert len(acceptance.differences(measured, "psnr")) == 2
    assert acceptance.may_ship(measured, "psnr")


@pytest.mark.parametrize("worse", ["candidate", "candidate-effort4"])
def test_a_model_must_be_better_with_effort_and_without(worse: str) -> None:
    measured = results("acceptance.json")
    larger = [replace(m, bpp=1.1 * m.bpp) if m.codec == worse else m for m in measured.measurements]
    assert not acceptance.may_ship(replace(measured, measurements=tuple(larger)), "psnr")


def test_a_model_is_not_better_than_itself(photo: Pixels, tiny_model_path: Path, tmp_path: Path) -> None:
    Image.fromarray(photo[:40, :60]).save(tmp_path / "photo.png")
    model, kept = str(tiny_model_path), tmp_path / "acceptance.json"
    assert acceptance.main([model, str(tmp_path / "photo.png"), "--against", model, "-o", str(kept)]) == 1
    assert [d.rate_percent for d in acceptance.differences(load_results([kept]), "psnr")] == [0, 0]
