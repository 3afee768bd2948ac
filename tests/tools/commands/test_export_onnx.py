"""`lic export --onnx`: other runtimes compute what this package computes."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from lic.codec.model.catalogue import find_model
from lic.codec.transform.torch_network import thaw
from lic.tools.cli import main
from tests.conftest import Pixels

Captured = pytest.CaptureFixture[str]
GOLDEN = Path(__file__).parents[3] / "conformance"


@pytest.mark.parametrize("name", ["tiny", str(GOLDEN / "golden-contexts.safetensors")])
@pytest.mark.usefixtures("tiny_model_path")
def test_both_transforms_are_those_of_the_model(name: str, photo: Pixels, tmp_path: Path) -> None:
    assert main(["export", name, "--onnx", "-o", str(tmp_path / "new")]) == 0
    analysis, synthesis = (
        onnxruntime.InferenceSession(str(tmp_path / "new" / f"{part}.onnx")) for part in ("analysis", "synthesis")
    )
    network = thaw(find_model(name).load())
    x = np.stack([photo[:64, i : i + 96] for i in (0, 5)]).transpose(0, 3, 1, 2) / np.float32(255)
    (y,) = analysis.run(None, {"x": x})
    torch.testing.assert_close(torch.from_numpy(y), network.analysis(torch.from_numpy(x)), rtol=1e-4, atol=1e-4)
    (again,) = synthesis.run(None, {"y": y})
    assert again.shape == x.shape
    torch.testing.assert_close(torch.from_numpy(again), network.synthesis(torch.from_numpy(y)), rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("tiny_model_path")
def test_a_model_without_expected_latents_has_no_predictors(tmp_path: Path) -> None:
    assert main(["export", "tiny", "--onnx", "-o", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.glob("*.onnx")) == ["analysis.onnx", "synthesis.onnx"]


@pytest.mark.usefixtures("tiny_model_path")
def test_the_metadata_has_the_gains(tmp_path: Path) -> None:
    assert main(["export", "tiny", "--onnx", "-o", str(tmp_path)]) == 0
    facts = {prop.key: json.loads(prop.value) for prop in onnx.load(tmp_path / "synthesis.onnx").metadata_props}
    model = find_model("tiny").load()
    assert (facts["fingerprint"], facts["lambdas"]) == (model.fingerprint.hex(), [*model.lambdas])
    np.testing.assert_allclose(facts["gain"][-1], model.at(model.last_position).gain)


@pytest.mark.usefixtures("tiny_model_path")
def test_files_that_exist_stay_and_what_is_no_model_is_named(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "analysis.onnx").write_bytes(b"another's")
    assert main(["export", "tiny", "--onnx", "-o", str(tmp_path)]) == 2
    assert "exists: give --force" in capsys.readouterr().err
    assert [path.name for path in tmp_path.glob("*.onnx")] == ["analysis.onnx"]
    assert main(["export", "nothing", "--onnx", "-o", str(tmp_path / "new")]) == 1
    assert "no model named nothing" in capsys.readouterr().err
