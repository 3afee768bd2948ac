"""`lic learn exercises`: writes the exercises, and checks answers."""

from pathlib import Path

import pytest

from lic.tools.cli import main
from lic.tools.course.exercises.workbook import EXERCISES, FILE_NAMES, answer_source


def test_exercises_are_written_filled_in_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    assert main(["learn", "exercises", "-o", str(folder)]) == 0
    assert f"{len(EXERCISES)} exercises written" in capsys.readouterr().out
    assert main(["learn", "exercises", str(folder)]) == 1
    assert capsys.readouterr().out.endswith(f"\n{len(EXERCISES)} not yet\n")

    path = folder / FILE_NAMES["gaussian_kl"]
    path.write_text(answer_source("gaussian_kl").replace(" - 0.5)", ")"))
    assert main(["learn", "exercises", str(path)]) == 1
    assert capsys.readouterr().out.splitlines()[0] == (
        "wrong    12_gaussian_kl              Each coordinate lacks -1/2: the KL of q to itself is zero."
    )
    path.write_text(answer_source("gaussian_kl"))
    assert main(["learn", "exercises", str(path)]) == 0
    assert capsys.readouterr().out == "right    12_gaussian_kl\n1 right\n"
    assert main(["learn", "exercises", str(folder)]) == 1
    assert f"{len(EXERCISES) - 1} not yet, 1 right" in capsys.readouterr().out


def test_wrong_usage_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "exercises"]) == main(["learn", "exercises", str(tmp_path), "-o", str(tmp_path)]) == 2
    assert "-o FOLDER" in capsys.readouterr().err
    assert main(["learn", "exercises", str(tmp_path)]) == 1
    assert "no exercise" in capsys.readouterr().err
