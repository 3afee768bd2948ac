"""Whatever a learner's code does, it gets a verdict, and only results that are right make it right."""

import json
from pathlib import Path

import pytest
import torch

from lic.tools.cli import main
from lic.tools.course.exercises import grader, runner
from lic.tools.course.exercises.workbook import FILE_NAMES, answer_source, check, judge, stub

NAME = "case_study"  # it needs no torch, so its process starts quickly
PSNR = "    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))\n"
SOURCE = answer_source(NAME)
assert PSNR in SOURCE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAMES[NAME]


def test_a_right_answer_is_right_and_may_print(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path.write_text(SOURCE.replace(PSNR, "    print(a.shape)\n" + PSNR))
    assert check(path) == (NAME, "right", "")
    assert capfd.readouterr() == ("", "(4, 6, 3)\n" * 2)


# what the body of psnr is, and a part of the verdict on it
ESCAPES = {
    "exit()": "The code ends the program in psnr.",
    "raise SystemExit(0)": "The code ends the program in psnr.",
    "__import__('os')._exit(0)": "The code ends the process in psnr.",
    "import os; os.kill(os.getppid(), 9)": "may not start or end processes",
    "import os; os.system('true')": "may not start or end processes",
    "import lic.tools.course.exercises.verdicts as v; v.equal = lambda a, b: True; return 1": "may not import lic",
    "__import__('importlib').import_module('lic.tools.course.exercises.answers.case_study')": "an answer may not",
    f"return float(eval(open({runner.__file__!r}).read()))": "may not read the files of lic",
    "open('verdict', 'w')": "may not write files",
    "import os; os.remove(__file__)": "may not change files",
    "import os; [os.write(fd, b'{\"value\": 0}\\n') for fd in (1, 4)]; return None": "10 log10",
    "import os; os.write(4, b'nonsense\\n')": "disturbs its results",
    "return object()": "TypeError: a object is no result",
    "return a / undefined": "NameError: name 'undefined' is not defined (line 18)",
}


@pytest.mark.parametrize("body", ESCAPES)
def test_an_escape_fails_by_name(body: str, path: Path) -> None:
    path.write_text(SOURCE.replace(PSNR, f"    {body}\n"))
    verdict = check(path)
    assert verdict.state == "wrong" and ESCAPES[body] in verdict.message


def test_an_endless_loop_ends(path: Path) -> None:
    path.write_text(SOURCE.replace(PSNR, "    while True:\n        pass\n"))
    assert check(path, limit=1) == (
        NAME,
        "wrong",
        "No result after 1 seconds in psnr: is there an endless loop?",
    )


def test_what_happens_while_the_file_is_read_is_told(path: Path) -> None:
    path.write_text(SOURCE.replace("import numpy as np", "import numpy as"))
    assert "SyntaxError" in check(path).message
    path.write_text("exit()\n" + SOURCE)
    assert check(path).message == "The code ends the program when the file is read."
    path.write_text(SOURCE.replace("def psnr", "def mine"))
    assert check(path).message == "The function psnr is missing."


def test_tensors_and_gradients_cross_the_process(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAMES["reparametrisation"]
    path.write_text(answer_source("reparametrisation"))
    with grader.Isolated(path) as answer:
        assert judge("reparametrisation", answer).state == "right"
        z, gradients = answer.gradients("sample", torch.ones(2), torch.zeros(2), torch.tensor([3.0, 4.0]))
    assert z.tolist() == [4, 5] and [g.tolist() for g in gradients] == [[1, 1], [1.5, 2], [1, 1]]


def test_json_and_exit_code_tell_of_every_exercise(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(SOURCE)
    assert main(["learn", "exercises", str(path.parent), "--json"]) == 1  # all others are missing
    report = json.loads(capsys.readouterr().out)
    states = {verdict["exercise"]: verdict["state"] for verdict in report["verdicts"]}
    assert list(states) == list(FILE_NAMES)
    assert states.pop(NAME) == "right" and set(states.values()) == {"not yet"}
    assert report["right"] == 1 and report["wrong"] == 0 and report["not yet"] == len(states)

    assert main(["learn", "exercises", str(path), "--json"]) == 0
    path.write_text(stub(NAME))
    assert main(["learn", "exercises", str(path), "--json"]) == 1


def test_a_codec_that_keeps_the_picture_to_itself_is_found_out(tmp_path: Path) -> None:
    for name, file in FILE_NAMES.items():
        if name.startswith("step_"):
            (tmp_path / file).write_text(answer_source(name))
    path = tmp_path / FILE_NAMES["step_12_codec"]
    assert check(path).state == "right"
    honest = path.read_text()
    start = "    mean, basis, scales = model\n    side = round((len(mean) / 3) ** 0.5)\n"
    kept = honest.replace(start + "    header", "    KEPT.append(picture)\n" + start + "    header")
    path.write_text(
        kept.replace(start + "    height", "    return KEPT[-1]\n" + start + "    height") + "\nKEPT = []\n"
    )
    verdict = check(path)
    assert verdict.state == "wrong" and "IndexError" in verdict.message
