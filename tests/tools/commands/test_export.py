"""A run becomes a model file that encodes, decodes and tells where it comes from.

To fit contexts takes seconds, so only the tests of what they change do it.
"""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lic import decode, encode
from lic.codec.model.catalogue import MODELS_VARIABLE, find_model
from lic.codec.model.frozen import FrozenModel
from lic.codec.model.packed import pack_encoder, pack_model
from lic.codec.transform.torch_network import thaw
from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.tools.cli import main
from lic.tools.training.checkpoint import BEST, CHECKPOINT, read_checkpoint, read_info, section
from lic.tools.training.choices import TrainConfig
from lic.tools.training.loop import train
from tests.conftest import Pixels
from tests.tools.tiny import Tiny


@pytest.fixture
def run(config: TrainConfig) -> Path:
    """The folder of a run of three steps, measured at its end."""
    config = dataclasses.replace(config, valid=config.data, lr=2e-3, command="lic train photos/")
    return train(Tiny(), config).parent


def test_an_exported_model_encodes_and_decodes(
    run: Path, tmp_path: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.safetensors"
    assert main(["export", str(run), "-o", str(path)]) == 0
    said = capsys.readouterr().err
    for stage in ("analysis of a picture: 1 of 1", "use of second looks", "contexts of a lambda point: 2 of 2"):
        assert stage in said
    assert find_model(path).card["entropy"] == "phases"
    data = encode(photo, model=str(path))
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    assert decode(data).size == (photo.shape[1], photo.shape[0])


def test_the_averaged_weights_are_exported(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    main(["export", str(run), "-o", str(path), "--plain"])
    average = section(read_checkpoint(run / CHECKPOINT)[0], "average")[
        "synthesis.2.weight"
    ]  # latents are sorted by magnitude, so the first layer differs
    half_a_step = float(average.abs().max()) / 2**16  # of weights in 16 bits
    exported = thaw(find_model(path).load()).synthesis[2].weight
    torch.testing.assert_close(exported, average, rtol=0, atol=1.01 * half_a_step)


def test_the_card_tells_how_the_model_was_made(run: Path, tmp_path: Path, pictures: Path) -> None:
    main(["export", str(run), "-o", str(tmp_path / "mine.safetensors"), "--plain"])
    card = find_model(tmp_path / "mine.safetensors").card
    assert (card["name"], card["entropy"]) == ("mine", "channels")
    assert card["network"] == {"kind": "balle2017", "n": 4, "m": 6}
    assert (card["lambdas"], card["distortion"]) == ([0.01, 0.04], "mse")
    assert (card["steps"], card["patches"], card["patch_size"]) == (3, 12, 32)
    assert card["data"] == {"names": [pictures.name], "pictures": 1, "megapixels": 0.1}
    assert card["command"] == "lic train photos/"
    assert len(card["second_look"]) == 2
    assert [row.keys() for row in card["validation"]] == [{"lambda_", "bpp", "psnr", "loss"}] * 2


def test_the_best_checkpoint_is_preferred_and_named(
    run: Path, config: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(Tiny(), dataclasses.replace(config, steps=5), resume=True)  # not measured, so the best is of step 3
    assert read_info(run / BEST)["step"] == 3
    main(["export", str(run), "-o", str(tmp_path / "best.safetensors"), "--plain"])
    assert "from step 3, the best by validation (the last is 5)" in capsys.readouterr().out
    main(["export", str(run / CHECKPOINT), "-o", str(tmp_path / "last.safetensors"), "--plain"])
    assert capsys.readouterr().out.endswith("from step 5\n")
    assert find_model(tmp_path / "last.safetensors").card["steps"] == 5


def test_bare_weights_are_exported(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Such as those that scripts on a GPU leave: tensors, and sizes in the metadata."""
    torch.manual_seed(0)
    network = RateDistortionAutoencoder(Architecture("residual", 4, 6), (0.01, 0.04), shares=(0, 0.5))
    sizes = {"n": 4, "m": 6, "lambdas": [0.01, 0.04], "second_look": [0, 0.5], "steps": 7}
    weights, path = tmp_path / "weights.safetensors", tmp_path / "mine.safetensors"
    save_file(network.state_dict(), weights, {name: json.dumps(value) for name, value in sizes.items()})
    assert main(["export", str(weights), "-o", str(path), "--plain"]) == 1
    assert "name pictures with --data" in capsys.readouterr().err
    assert main(["export", str(weights), "-o", str(path), "--plain", "--data", str(pictures)]) == 0
    card = find_model(path).card
    assert (card["network"], card["steps"]) == ({"kind": "residual", "n": 4, "m": 6}, 7)
    assert "hours" not in card
    assert sorted(find_model(path).load().weight("analysis.0.bias")) == pytest.approx(
        sorted(network.analysis[0].bias.tolist())
    )


@pytest.mark.parametrize(
    ("metadata", "tensors", "message"),
    [
        ({}, {}, "as bare weights it lacks n, m, lambdas, second_look, steps"),
        ({"m": 6}, {"analysis.0.bias": (9,)}, "(analysis.0.bias has the shape (9,), not (4,))"),
        ({"m": 6}, {}, "(trust is missing, of shape (2, 6))"),
    ],
)
def test_bare_weights_that_do_not_fit_say_what_is_wrong(
    metadata: dict[str, int],
    tensors: dict[str, tuple[int, ...]],
    message: str,
    tmp_path: Path,
    pictures: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    network = RateDistortionAutoencoder(Architecture("residual", 4, 6), (0.01, 0.04))
    sizes = {"n": 4, "lambdas": [0.01, 0.04], "second_look": [], "steps": 7} | metadata if metadata else {}
    state = network.state_dict() if tensors else {"log_gain": torch.zeros(2, 6)}
    state |= {name: torch.zeros(shape) for name, shape in tensors.items()}
    save_file(state, tmp_path / "bare.safetensors", {name: json.dumps(value) for name, value in sizes.items()})
    command = ["export", str(tmp_path / "bare.safetensors"), "-o", str(tmp_path / "mine.safetensors")]
    assert main([*command, "--data", str(pictures)]) == 1
    said = capsys.readouterr().err
    assert message in said and "Error" not in said


def test_a_model_file_is_not_overwritten_unless_forced(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"another's")
    command = ["export", str(run), "-o", str(path), "--plain"]
    assert main(command) == 2
    assert "exists: give --force" in capsys.readouterr().err
    assert path.read_bytes() == b"another's"
    assert main([*command, "--force"]) == 0
    assert find_model(path).card["name"] == "mine"
    assert main(["export", str(run), "-o", str(tmp_path / "mine.bin"), "--plain"]) == 2


def test_a_model_is_packed_for_programs_in_c_and_browsers(tiny_model: FrozenModel, tmp_path: Path) -> None:
    for suffix, pack in ((".licmodel", pack_model), (".licencoder", pack_encoder)):
        out = tmp_path / f"tiny{suffix}"
        assert main(["export", tiny_model.name, "-o", str(out)]) == 0
        assert out.read_bytes() == pack(tiny_model)


def test_what_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path), "-o", str(tmp_path / "mine.safetensors")]) == 1
    assert "there is no checkpoint" in capsys.readouterr().err


def test_a_model_gets_another_scale_of_qualities_and_name(
    tiny_model: FrozenModel, tiny_model_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scaled.safetensors"
    assert main(["export", str(tiny_model_path), "--qualities=-5,30,100", "--name", "other", "-o", str(out)]) == 0
    scaled = find_model(out)
    assert scaled.fingerprint == tiny_model.fingerprint and scaled.load().name == "other"
    assert scaled.load().scale == (-5, 30, 100) and scaled.load().position(30) == 256
    assert main(["export", str(tiny_model_path), "--qualities=1,100", "-o", str(tmp_path / "no.safetensors")]) == 2


def test_a_model_gets_a_quick_look_and_previews_without_training(
    tiny_model_path: Path,
    pictures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lic.tools.fitting.preview_fit.STEPS", 1)
    out = tmp_path / "more.safetensors"
    command = ["export", str(tiny_model_path), "--add", "quick-look", "preview", "-o", str(out)]
    assert main(command) == 2
    assert "name some with --data" in capsys.readouterr().err
    assert main([*command, "--data", str(pictures)]) == 0
    model = find_model(out).load()
    assert model.has("quick_look") and model.has("preview")
    assert model.fingerprint == find_model(tiny_model_path).fingerprint
