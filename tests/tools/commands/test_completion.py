"""Completion scripts know the commands and options."""

import shutil
import subprocess
from pathlib import Path

import pytest

from lic.tools.cli import COMMANDS, main
from lic.tools.commands.completion import SHELLS
from tests.tools.commands.completions import make_script

Captured = pytest.CaptureFixture[str]

COMPLETE = """
source {script}
COMP_WORDS=({words}) COMP_CWORD={index}
_shtab_lic
echo "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_and_options(tmp_path: Path, capsys: Captured) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "lic"
    script.write_text(capsys.readouterr().out)

    def completed(*words: str) -> list[str]:
        code = COMPLETE.format(script=script, words=" ".join(["lic", *words]), index=len(words))
        return subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert completed("enc") == ["encode"]
    assert completed("encode", "--target-p") == ["--target-psnr"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_scripts_are_those_of_the_parser(shell: str, capsys: Captured) -> None:
    assert main(["completion", shell]) == 0
    assert capsys.readouterr().out == make_script(shell), "run python -m tests.tools.commands.completions"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_know_all_commands(shell: str, capsys: Captured) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS)
    assert "auto-orient" in script
