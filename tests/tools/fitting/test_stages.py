"""The progress of an export."""

import pytest

from lic.tools.fitting.stages import MOST_LINES, stages


@pytest.mark.parametrize("count", [0, 1, 3, 95])
def test_off_a_terminal_there_are_few_lines(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(stages(range(count), "step")) == list(range(count))
    lines = capsys.readouterr().err.splitlines()
    assert min(count, 1) <= len(lines) <= MOST_LINES + 1
    assert lines[:1] == [f"step: 1 of {count}"][:count]
