"""Progress where there is no terminal."""

import pytest

from lic.tools.progress_bar import MOST_LINES, progress


@pytest.mark.parametrize("count", [0, 1, 3, 95])
def test_off_a_terminal_there_are_few_lines(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(count), "step")) == list(range(count))
    lines = capsys.readouterr().err.splitlines()
    assert min(count, 1) <= len(lines) <= MOST_LINES + 1
    assert lines[:1] == [f"step: 1 of {count}"][:count]
