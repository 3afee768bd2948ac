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

    path = folder / FILE_NAMES["case_study"]
    path.write_text(answer_source("case_study").replace("8 * size", "size"))
    assert main(["learn", "exercises", str(path)]) == 1
    assert capsys.readouterr().out.splitlines()[0] == "wrong    29_case_study               That is bytes per pixel."
    path.write_text(answer_source("case_study"))
    assert main(["learn", "exercises", str(path)]) == 0
    assert capsys.readouterr().out == "right    29_case_study\n1 right\n"
    assert main(["learn", "exercises", str(folder)]) == 1
    assert f"1 right, {len(EXERCISES) - 1} not yet" in capsys.readouterr().out


def test_wrong_usage_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "exercises"]) == main(["learn", "exercises", str(tmp_path), "-o", str(tmp_path)]) == 2
    assert "-o FOLDER" in capsys.readouterr().err
    assert main(["learn", "exercises", str(tmp_path)]) == 1
    assert "no exercise" in capsys.readouterr().err
