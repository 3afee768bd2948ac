"""Progress where there is no terminal."""

import io
import sys

import pytest

from lic.tools.progress_bar import CLEAR, MOST_LINES, StatusLine, progress


@pytest.mark.parametrize("count", [0, 1, 3, 95])
def test_off_a_terminal_there_are_few_lines(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(count), "step")) == list(range(count))
    lines = capsys.readouterr().err.splitlines()
    assert min(count, 1) <= len(lines) <= MOST_LINES + 1
    assert lines[:1] == [f"step: 1 of {count}"][:count]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_lines_stand_above_the_status_line_which_goes_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with StatusLine() as line:
        line.count("pictures", 3, 30)
        line.say("a.png failed")
    drawn = terminal.getvalue().split(CLEAR)
    assert drawn[1].startswith("pictures: 3 of 30, 0:00") and drawn[2] == "a.png failed\n"
    assert drawn[3] == drawn[1] and drawn[-1] == ""
    assert not StatusLine(quiet=True).visible


def test_a_status_line_is_no_longer_than_the_terminal_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "20")
    StatusLine().show("x" * 100)
    assert terminal.getvalue() == CLEAR + 19 * "x"
