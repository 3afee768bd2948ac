"""The lectures' claims are measured: small pictures and a tiny model give tables of the right kind."""

import math
from pathlib import Path

import pytest

from lic.tools.course import lecture_claims
from lic.tools.course.figure_context import Context
from lic.tools.course.lecture_claims import CLAIMS, table


@pytest.fixture(scope="module")
def context(pictures: Path, tiny_model_path: Path) -> Context:
    return Context((str(pictures),), str(tiny_model_path), steps=2, seed=0)


def test_the_unit_shifts_differential_entropy_and_nothing_else(context: Context) -> None:
    (_, *rows) = CLAIMS["units"](context)
    values = [float(value) for _, value in rows]
    assert values[1] - values[0] == pytest.approx(math.log2(255), abs=0.011)
    assert values[2] - values[0] == pytest.approx(math.log2(65535), abs=0.011)
    assert 0 < values[3] <= 8


def test_stronger_compression_means_fewer_bits_and_more_zeros(context: Context) -> None:
    (_, *rows) = CLAIMS["compression"](context)
    bits, zeros = ([float(row[i].rstrip("%")) for row in rows] for i in (1, 2))
    assert bits == sorted(bits) and zeros == sorted(zeros, reverse=True)


def test_contexts_are_compared(context: Context) -> None:
    for row in CLAIMS["contexts"](context)[1:]:
        fixed, adaptive, saved = float(row[1]), float(row[2]), float(row[3].rstrip("%"))
        assert saved == pytest.approx(100 * (1 - adaptive / fixed), abs=0.5)


def test_codecs_are_compared_where_all_of_them_have_so_small_a_file(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lecture_claims, "CASE_STUDY_RATE", 0.01)
    assert CLAIMS["case_study"](context)[0][0] == "codec, on 0 pictures"
    monkeypatch.setattr(lecture_claims, "CASE_STUDY_RATE", 4.0)
    head, *rows = CLAIMS["case_study"](context)
    assert head[0] == "codec, on 1 pictures"
    assert [row[0].split()[0] for row in rows] == ["JPEG", "JPEG", "lic"] and rows[1][0] == "JPEG 2000"
    assert all(float(row[1]) <= 4.0 for row in rows)


def test_more_segments_are_given_to_the_same_pixels(context: Context) -> None:
    (_, *rows) = CLAIMS["colourisation"](context)
    assert [row[0] for row in rows] == ["1", "2", "4", "8"]
    assert all(math.isfinite(float(row[1])) for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["blur", "collapse"])
def test_networks_are_trained_for_what_needs_them(name: str, context: Context) -> None:
    rows = CLAIMS[name](context)
    assert len(rows) == {"blur": 7, "collapse": 5}[name]
    assert table(rows).count("\n") == len(rows)
