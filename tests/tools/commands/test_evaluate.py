"""`lic eval`: real files, every byte counted, and what happens to pictures that fail."""

import json
import math
from pathlib import Path

import pytest
from PIL import Image

from lic.codec.transform.torch_network import freeze
from lic.models.architecture import Architecture
from lic.models.autoencoder import RateDistortionAutoencoder
from lic.tools.cli import main
from lic.tools.evaluation import codecs
from lic.tools.evaluation.results import load_results
from tests.conftest import Pixels


@pytest.fixture(scope="module")
def folder(photo: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures; the second is too small for MS-SSIM."""
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(photo[:170, :180]).save(folder / "first.png")
    Image.fromarray(photo[50:90, 60:140]).save(folder / "second.png")
    return folder


def test_a_run_writes_all_measurements(folder: Path, tiny_model_path: Path, tmp_path: Path) -> None:
    output = tmp_path / "r.json"
    arguments = ["eval", str(folder), "-o", str(output), "-j", "2", "--model", str(tiny_model_path)]
    arguments += ["--codecs", "lic,jpeg", "--qualities", "1,100", "jpeg=20,50,80"]
    assert main(arguments) == 0
    results = load_results([output])
    assert results.pictures() == ["first.png", "second.png"]
    assert list(results.codecs) == ["lic-tiny", "jpeg"]
    assert "Pillow" in results.codecs["jpeg"].version and "tiny" in results.codecs["lic-tiny"].version
    assert len(results.measurements) == 2 * (2 + 3)
    first, second = (results.of("lic-tiny", name) for name in results.pictures())
    assert [m.setting for m in first] == [1, 100]
    assert not math.isnan(first[0].ms_ssim) and math.isnan(second[0].ms_ssim)
    assert "2 processes" in results.machine
    json.loads(output.read_text(), parse_constant=pytest.fail)  # strict JSON


def test_every_codec_from_pictures_to_a_plot(folder: Path, tiny_model_path: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra `plot`")
    results, figure = str(tmp_path / "r.csv"), tmp_path / "rd.png"
    names = codecs.available()
    ladders = {name: codecs.get_codec(name, str(tiny_model_path)).ladder[1:8:3] for name in names}
    qualities = [f"{name}={','.join(map(str, ladder))}" for name, ladder in ladders.items()]
    arguments = ["eval", str(folder / "first.png"), "-o", results, "--model", str(tiny_model_path), "-j", "1"]
    assert main([*arguments, "--codecs", *names, "--qualities", *qualities]) == 0
    assert len(load_results([results]).measurements) == 3 * len(names)
    assert main(["plot", results, "-o", str(figure), "--bd", "jpeg"]) == 0
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_two_models_of_one_name_are_not_mixed(
    folder: Path, tiny_model_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "tiny.safetensors"
    network = RateDistortionAutoencoder(Architecture(n=8, m=12), (0.002, 0.2))
    other.write_bytes(freeze(network, {"name": "tiny"}).to_bytes())
    arguments = ["eval", str(folder), "-o", str(tmp_path / "r.json"), "-m", str(tiny_model_path), "-m", str(other)]
    assert main([*arguments, "--codecs", "lic"]) == 2
    assert "two models would both be called lic-tiny: rename one of their files" in capsys.readouterr().err
    assert not (tmp_path / "r.json").exists()


def test_each_effort_has_a_curve_of_its_own(folder: Path, tiny_model_path: Path, tmp_path: Path) -> None:
    results = str(tmp_path / "r.json")
    arguments = ["eval", str(folder / "first.png"), "-o", results, "-m", str(tiny_model_path), "-j", "1"]
    assert main([*arguments, "--codecs", "lic", "--effort", "0", "8", "--qualities", "60"]) == 0
    plain, refined = load_results([results]).measurements
    assert (plain.codec, refined.codec) == ("lic-tiny", "lic-tiny-effort8")
    assert plain.bytes >= refined.bytes
    assert refined.encode_seconds > plain.encode_seconds


def test_a_picture_that_fails_is_named_and_left_out(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    transparent = tmp_path / "glass.png"
    Image.new("RGBA", (20, 20), (10, 20, 30, 40)).save(transparent)
    broken = tmp_path / "broken.png"
    broken.write_bytes((folder / "first.png").read_bytes()[:2000])
    output = tmp_path / "r.csv"
    paths = [str(p) for p in (folder / "first.png", transparent, broken)]
    assert main(["eval", *paths, "-o", str(output), "-j", "1", "--codecs", "jpeg", "--qualities", "jpeg=50"]) == 1
    results = load_results([output])
    assert results.failed() == ["broken.png", "glass.png"]
    assert results.pictures() == ["first.png"]
    printed = capsys.readouterr()
    assert "broken.png, glass.png" in printed.out
    assert "has transparency" in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "r.txt"], "must end in .json or .csv"),
        (["-o", "nowhere/r.json"], "no folder"),
        (["-o", "r.json", "--codecs", "gif"], "no codec gif"),
        (["-o", "r.json", "--codecs", "jpeg", "--qualities", "high"], "cannot read"),
        (["-o", "r.json", "--codecs", "jpeg", "--qualities", "webp=5"], "not among the codecs"),
    ],
)
def test_wrong_arguments_are_explained(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", str(folder), *arguments]) > 0
    assert message in capsys.readouterr().err


def test_names_that_are_not_utf_8(
    folder: Path, tiny_model_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "caf\udce9\x1b.png"
    picture.write_bytes((folder / "first.png").read_bytes())
    (tmp_path / "broken\x07.png").write_bytes(b"no picture")
    for name in ("r.json", "r.csv"):
        arguments = [str(picture), str(tmp_path / "broken\x07.png"), "-o", str(tmp_path / name)]
        main(["eval", *arguments, "--codecs", "jpeg", "--qualities", "jpeg=20"])
        assert any(m.picture.startswith("caf") for m in load_results([tmp_path / name]).measurements)
    compare = ["--codecs", "jpeg", "--bytes", "5000", "-o", str(tmp_path / "c.png"), "--html", str(tmp_path / "c.html")]
    assert main(["compare", str(picture), *compare]) == 0
    said = capsys.readouterr()
    assert all(line.isprintable() for line in (said.out + said.err).splitlines())
