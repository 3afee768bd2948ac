"""`lic train` from the command line."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from safetensors.torch import save

from lic.tools.cli import main
from lic.tools.commands.train import MODEL
from lic.tools.loop_options import FILES, LENGTHS, TRAINING
from lic.tools.training.checkpoint import BEST, CHECKPOINT, INFO, read_checkpoint, read_info
from lic.tools.training.choices import RateDistortionChoices, TrainConfig
from lic.tools.training.run_figure import read_table
from lic.tools.training.run_log import VALIDATION

TINY = ["--crop", "32", "--batch", "4", "--channels", "4", "--latents", "6", "--device", "cpu"]


@pytest.fixture
def run(tmp_path: Path) -> str:
    return str(tmp_path / "run")


def test_training_exporting_and_adding_a_lambda_point(pictures: Path, run: str, tmp_path: Path) -> None:
    data, model = str(pictures), str(tmp_path / "model.safetensors")
    assert main(["train", data, "-o", run, *TINY, "--steps", "2", "--lambdas", "0.01,0.04", "--valid", data]) == 0
    assert main(["export", run, "-o", model]) == 0
    for start in (model, run):
        grown = str(tmp_path / f"grown from {Path(start).name}")
        options = ["--add-lambda", "0.02", "--only-gains", "--crop", "32", "--batch", "4", "--steps", "2"]
        assert main(["train", data, "-o", grown, "--from", start, *options, "--valid", data]) == 0
        config = read_info(Path(grown, BEST))["config"]
        assert (config["lambdas"], config["only_gains"], config["n"], config["m"]) == ([0.01, 0.02, 0.04], [0.02], 4, 6)


def test_resuming_needs_nothing_but_the_folder(pictures: Path, run: str, capsys: pytest.CaptureFixture[str]) -> None:
    begin = ["train", str(pictures), "-o", run, *TINY, "--steps", "2", "--lr", "0.001"]
    assert main(begin) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"next: lic export {run} -o ")
    assert main(["train", "-o", run, "--resume"]) == 0
    assert read_info(Path(run, CHECKPOINT))["step"] == 2
    assert main(["train", "-o", run, "--resume", "--steps", "4"]) == 0
    info = read_info(Path(run, CHECKPOINT))
    assert info["step"] == 4
    assert info["config"]["lr"] == 0.001
    assert info["config"]["command"].endswith(f"--lr 0.001 && lic train -o {run} --resume --steps 4")
    assert main([*begin, "--resume"]) == 0  # the first command again is fine, too


def test_a_run_from_before_there_was_a_choice_of_optimizer_goes_on_by_adam(
    pictures: Path, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(pictures), "-o", run, *TINY, "--steps", "1"]) == 0
    tensors, info = read_checkpoint(Path(run, CHECKPOINT))
    del info["config"]["optimizer"]
    Path(run, CHECKPOINT).write_bytes(save(tensors, {INFO: json.dumps(info)}))
    assert main(["train", "-o", run, "--resume", "--optimizer", "soap"]) == 2
    assert "its optimizer would change" in capsys.readouterr().err
    assert main(["train", "-o", run, "--resume", "--steps", "2"]) == 0
    assert read_info(Path(run, CHECKPOINT))["config"]["optimizer"] == "adam"


def test_training_goes_on_with_the_second_looks_of_the_model(pictures: Path, run: str, tiny_model_path: Path) -> None:
    options = ["--crop", "32", "--batch", "4", "--steps", "1"]
    for folder, start in ((f"{run}1", str(tiny_model_path)), (f"{run}2", f"{run}1")):
        assert main(["train", str(pictures), "-o", folder, "--from", start, *options]) == 0
        assert read_info(Path(folder, CHECKPOINT))["config"]["second_look"] == [0, 0.5, 1]
    assert main(["train", str(pictures), "-o", f"{run}2", "--from", f"{run}1", *options, "--resume"]) == 0
    added = [*options, "--add-lambda", "0.001,0.06324555,0.5"]
    assert main(["train", str(pictures), "-o", run, "--from", f"{run}2", *added]) == 0
    looks = read_info(Path(run, CHECKPOINT))["config"]["second_look"]
    assert looks == pytest.approx([0, 0, 0.5, 0.75, 1, 1])
    scaled = [*options, "--crop", "176", "--distortion", "ms-ssim"]
    assert main(["train", str(pictures), "-o", f"{run}3", "--from", run, *scaled]) == 0
    assert read_info(Path(f"{run}3", CHECKPOINT))["config"]["second_look"] == pytest.approx(looks)


def validations(run: str) -> list[list[dict[str, float]]]:
    found: dict[float, list[dict[str, float]]] = {}
    for row in read_table(run, VALIDATION):
        found.setdefault(row["step"], []).append({name: row[name] for name in ("lambda_", "bpp", "psnr", "loss")})
    return [*found.values()]


def test_a_larger_network_begins_where_the_smaller_one_stands(
    pictures: Path, run: str, tiny_model_path: Path, tmp_path: Path
) -> None:
    data = str(pictures)
    options = ["--crop", "32", "--batch", "4", "--steps", "1", "--precision", "fp32", "--valid", data, "--from"]
    assert main(["train", data, "-o", run, *options, str(tiny_model_path), "--lr", "0"]) == 0
    grown = str(tmp_path / "grown")
    assert main(["train", data, "-o", grown, *options, run, "--architecture", "residual"]) == 0
    assert validations(grown)[0] == validations(run)[-1]
    assert read_info(Path(grown, CHECKPOINT))["config"]["kind"] == "residual"
    again = str(tmp_path / "again")
    assert main(["train", data, "-o", again, *options, grown]) == 0
    assert read_info(Path(again, CHECKPOINT))["config"]["kind"] == "residual"


def test_the_rate_can_be_that_of_contexts(
    pictures: Path, run: str, tiny_model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lic.tools.training.rate_distortion.CONTEXT_STEPS", 10)
    data = str(pictures)
    options = ["--crop", "32", "--batch", "6", "--steps", "1", "--precision", "fp32", "--valid", data, "--from"]
    assert main(["train", data, "-o", f"{run}1", *options, str(tiny_model_path)]) == 0
    assert main(["train", data, "-o", f"{run}2", *options, str(tiny_model_path), "--rate", "contexts"]) == 0
    by_tables, by_contexts = (validations(f"{run}{k}")[0] for k in (1, 2))
    assert [score["psnr"] for score in by_tables] == pytest.approx([score["psnr"] for score in by_contexts])
    assert sum(score["bpp"] for score in by_contexts) < 1.2 * sum(score["bpp"] for score in by_tables)
    state, info = read_checkpoint(Path(f"{run}2", CHECKPOINT))
    assert info["config"]["rate"] == "contexts"
    assert state["average.magnitudes.earlier"].any()
    assert main(["train", data, "-o", f"{run}3", *options, f"{run}2"]) == 0
    learned = [score["bpp"] for score in validations(f"{run}2")[-1]]
    assert [score["bpp"] for score in validations(f"{run}3")[0]] == pytest.approx(learned, rel=1e-6)
    assert main(["export", f"{run}2", "-o", str(tmp_path / "model.safetensors"), "--plain"]) == 0


def test_a_run_goes_on_in_another_folder_from_anywhere(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures.parent)
    assert main(["train", pictures.name, "-o", str(tmp_path / "run"), *TINY, "--steps", "1"]) == 0
    (tmp_path / "run").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    assert main(["train", "-o", "moved", "--resume", "--steps", "2"]) == 0
    assert read_info(tmp_path / "moved" / CHECKPOINT)["step"] == 2
    assert not (tmp_path / "run").exists()
    assert main(["export", "moved", "-o", "mine.safetensors", "--plain", "--crops", "1"]) == 0


def test_of_several_processes_one_says_what_comes_next(
    pictures: Path, run: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lic.tools.training.loop.train", lambda *_: None)
    for rank, count in ((0, 1), (1, 0)):
        monkeypatch.setenv("RANK", str(rank))
        assert main(["train", str(pictures), "-o", run, *TINY, "--steps", "1"]) == 0
        assert capsys.readouterr().out.count("next: lic export") == count


@pytest.mark.parametrize(
    "change",
    [
        ["--lambdas", "0.3"],
        ["--latents", "8"],
        ["--distortion", "ms-ssim"],
        ["--optimizer", "soap"],
        ["--rate", "contexts"],
    ],
)
def test_resuming_cannot_change_the_model_or_its_optimizer(
    pictures: Path, run: str, change: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(pictures), "-o", run, *TINY, "--steps", "1"]) == 0
    assert main(["train", "-o", run, "--resume", *change]) == 2
    assert "leave that option out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "either --steps or --hours"),
        ("--steps 5 --crop 100", "multiple of 16"),
        ("--steps 5 --device abacus", "cannot use device abacus"),
        ("--steps 5 --add-lambda 0.1", "name it by --from"),
        ("--steps 5 --only-gains", "name them by --add-lambda"),
        ("--steps 5 --from tiny --latents 6", "leave them out"),
        ("--steps 5 --from tiny --lambdas 0.1 --add-lambda 0.2", "give one of them"),
        ("--steps 5 --from tiny --add-lambda 0.02", "has that lambda point"),
        ("--steps 5 --from tiny --add-lambda 0.1 --only-gains --distortion ms-ssim", "cannot change the --distortion"),
        ("--steps 5 --distortion ms-ssim --crop 160", "--crop of 176 or more"),
        ("--steps 5 --rounded-share 1", "a share below 1"),
        ("--steps 5 --soft-rounding -1", "0 or more"),
    ],
)
@pytest.mark.usefixtures("tiny_model_path")
def test_options_that_do_not_fit_together_say_why(
    pictures: Path, run: str, options: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(pictures), "-o", run, *options.split()]) == 2
    assert message in capsys.readouterr().err
    assert not Path(run).exists()


@pytest.mark.parametrize("options", ["--steps 5 --hours 1", "--steps 5 --lambdas 0.1,0.1", "--steps 5 --lambdas 0"])
def test_options_that_make_no_sense_are_usage_errors(pictures: Path, run: str, options: str) -> None:
    with pytest.raises(SystemExit) as error:
        main(["train", str(pictures), "-o", run, *options.split()])
    assert error.value.code == 2


def test_no_data_no_run_and_no_model_are_errors(
    pictures: Path, run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "-o", run, "--steps", "1"]) == 2
    assert "name the pictures" in capsys.readouterr().err
    assert main(["train", "-o", run, "--resume"]) == 1
    assert "there is no checkpoint" in capsys.readouterr().err
    assert main(["train", str(tmp_path), "-o", run, "--steps", "1"]) == 1
    assert "no picture" in capsys.readouterr().err
    assert main(["train", str(pictures), "-o", run, "--steps", "1", "--from", "nobody"]) == 1
    assert "no model named nobody" in capsys.readouterr().err


def test_help_begins_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = capsys.readouterr().out
    assert text.index("examples:") < text.index("options:")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_signal_ends_the_run_with_a_checkpoint(pictures: Path, run: str, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "lic", "train", str(pictures), "-o", run, *TINY, "--hours", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        first = next(line for line in process.stdout if line.startswith("step "))
        process.send_signal(number)
        rest = process.stdout.read()
    assert process.returncode == 130
    stopped = re.search(r"stopped after step (\d+), kept in .*: resume it to go on", rest)
    assert stopped
    assert read_info(Path(run, CHECKPOINT))["step"] == int(stopped[1]) >= int(first.split()[1])


def test_training_needs_neither_the_coder_nor_the_codec() -> None:
    code = """
import sys
import lic.tools.commands.train
assert not {"lic.codec.model.frozen", "lic.codec.entropy.coder"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_choice_of_a_training_is_an_option() -> None:
    def names(kind: type) -> set[str]:
        return {field.name for field in fields(kind)}

    assert {*LENGTHS, *FILES, *TRAINING} == names(TrainConfig) - {"data", "output", "command"}
    assert {*MODEL} == names(RateDistortionChoices) - {"second_look", "only_gains"}  # these follow from others
