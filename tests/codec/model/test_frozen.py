import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from lic import BadModel, BadSetting, ModelNotFound
from lic.codec.file.container import POSITIONS
from lic.codec.model.catalogue import find_model, list_models
from lic.codec.model.frozen import FrozenModel
from lic.codec.transform.torch_network import freeze, thaw
from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder


@pytest.fixture
def network() -> RateDistortionAutoencoder:
    torch.manual_seed(3)
    network = RateDistortionAutoencoder(Architecture(n=4, m=6), (0.01, 0.1))
    with torch.no_grad():
        network.log_gain += 0.1 * torch.randn_like(network.log_gain)
        network.log_inverse_gain += 0.1 * torch.randn_like(network.log_gain)
        network.density.log_heights += torch.randn_like(network.density.log_heights)
    return network


def test_freezing_and_thawing_keep_the_network(network: RateDistortionAutoencoder) -> None:
    thawed = thaw(freeze(network, {"name": "x"}))
    x, point = torch.rand(1, 3, 32, 48), torch.tensor([1])
    before, after = network(x, point, "round"), thawed(x, point, "round")
    torch.testing.assert_close(after.reconstruction, before.reconstruction, atol=2e-3, rtol=0)
    torch.testing.assert_close(after.bits, before.bits, rtol=2e-2, atol=0)


def test_a_saved_model_is_the_same_model(network: RateDistortionAutoencoder, tmp_path: Path) -> None:
    model = freeze(network, {"name": "x", "note": "kept"})
    path = tmp_path / "x.safetensors"
    path.write_bytes(model.to_bytes())
    again = find_model(path).load()
    assert again.fingerprint == model.fingerprint == find_model(path).fingerprint
    assert again.card["note"] == "kept" and again.lambdas == (0.01, 0.1)
    assert again.card["quantiser"] == "uniform"
    assert again.to_bytes() == model.to_bytes()


def test_memory_layout_does_not_matter(network: RateDistortionAutoencoder) -> None:
    before = freeze(network, {"name": "x"}).to_bytes()
    assert freeze(network.to(memory_format=torch.channels_last), {"name": "x"}).to_bytes() == before


def test_fingerprint_names_what_decoding_depends_on(network: RateDistortionAutoencoder) -> None:
    original = freeze(network, {"name": "x"}).fingerprint
    assert freeze(network, {"name": "y", "steps": 7}).fingerprint == original
    with torch.no_grad():
        network.analysis[0].weight += 1
        assert freeze(network, {"name": "x"}).fingerprint == original
        network.synthesis[0].weight[0, 0, 0, 0] += 1
        assert freeze(network, {"name": "x"}).fingerprint != original


def test_steps_never_grow_with_quality(network: RateDistortionAutoencoder) -> None:
    with torch.no_grad():
        network.log_gain[1, 0] = network.log_gain[0, 0] - 1  # training may get a channel the wrong way round
    model = freeze(network, {"name": "x"})
    steps = np.stack([model.at(p).steps for p in range(0, model.last_position + 1, 8)])
    assert (np.diff(steps, axis=0) <= 0).all()


def test_gains_undo_each_other_up_to_the_learned_shrinking(network: RateDistortionAutoencoder) -> None:
    model = freeze(network, {"name": "x"})
    for position in (0, 100, POSITIONS):
        point = model.at(position)
        product = point.gain * point.inverse_gain
        assert (product <= model.restore.max(axis=0) + 1e-9).all()
        assert (product >= model.restore.min(axis=0) - 1e-9).all()
    for k in (0, 1):
        point = model.at(k * POSITIONS)
        np.testing.assert_allclose(point.gain * point.inverse_gain, model.restore[k])


def test_a_channel_that_a_point_does_without_comes_in_gradually(network: RateDistortionAutoencoder) -> None:
    with torch.no_grad():
        network.log_gain[0, 2] = network.log_gain[1, 2] - 5
        network.log_inverse_gain[0, 2] = -20
    model = freeze(network, {"name": "x"})
    half = model.at(POSITIONS // 2)
    assert half.gain[2] == pytest.approx(model.at(POSITIONS).gain[2] / 2, rel=0.02)
    product = (half.gain * half.inverse_gain)[2]
    assert product == pytest.approx(model.restore[1][2], rel=0.02)


def test_a_single_point_model_has_one_quality(network: RateDistortionAutoencoder) -> None:
    model = freeze(RateDistortionAutoencoder(Architecture(n=4, m=6), (0.01,)), {"name": "x"})
    assert {model.position(q) for q in (1, 50, 100)} == {0} == {model.last_position}
    with pytest.raises(BadSetting):
        model.position(101)


def write(path: Path, model: FrozenModel) -> Path:
    path.write_bytes(model.to_bytes())
    return path


def test_models_are_found_by_name_path_and_fingerprint(
    network: RateDistortionAutoencoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = freeze(network, {"name": "mine"})
    path = write(tmp_path / "file.safetensors", model)
    monkeypatch.setenv("LIC_MODELS", str(tmp_path))
    assert "mine" in [file.name for file in list_models()]
    for found in (find_model("mine").load(), find_model(path).load(), find_model(fingerprint=model.fingerprint).load()):
        assert found.fingerprint == model.fingerprint
    with pytest.raises(ModelNotFound, match="LIC_MODELS"):
        find_model(fingerprint=b"\0\0\0\0").load()
    with pytest.raises(ModelNotFound, match="no model file"):
        find_model(tmp_path / "none.safetensors").load()


def test_a_file_that_is_no_model_hides_no_other(
    network: RateDistortionAutoencoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a-broken.safetensors").write_bytes(b"not a model")
    model = freeze(network, {"name": "mine"})
    write(tmp_path / "file.safetensors", model)
    monkeypatch.setenv("LIC_MODELS", str(tmp_path))
    assert find_model("mine").load().fingerprint == find_model(fingerprint=model.fingerprint).load().fingerprint
    with pytest.raises(ModelNotFound, match=r"a-broken\.safetensors is not a lic model"):
        find_model(fingerprint=b"\0\0\0\0").load()


def damage(data: bytes, kind: str) -> bytes:
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    if kind == "bit":
        return data[:-100] + bytes([data[-100] ^ 64]) + data[-99:]
    if kind == "cut":
        return data[:-1000]
    if kind == "empty":
        return b""
    if kind == "text":
        return b"this is not a model at all"
    if kind == "no card":
        del header["__metadata__"]
    if kind == "missing tensor":
        header["x"] = header.pop("unit")
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


@pytest.mark.parametrize("kind", ["bit", "cut", "empty", "text", "no card", "missing tensor"])
def test_a_damaged_model_file_is_named(network: RateDistortionAutoencoder, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(damage(freeze(network, {"name": "x"}).to_bytes(), kind))
    with pytest.raises(BadModel, match=r"broken\.safetensors"):
        find_model(path).load()
