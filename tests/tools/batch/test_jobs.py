"""Many pictures: folders, resuming a run, processes, failures."""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lic.tools.batch.storage
from lic import read_info
from lic.codec.model.catalogue import ModelFile
from lic.codec.model.frozen import FrozenModel
from lic.codec.picture.fidelity import psnr
from lic.tools.cli import main
from tests.conftest import Pixels

pytestmark = pytest.mark.usefixtures("tiny_model_path")
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures in a tree, one damaged, and unrelated files."""
    monkeypatch.chdir(tmp_path)
    Path("in/deep/er").mkdir(parents=True)
    Path("in/.hidden").mkdir()
    Image.fromarray(photo[:40, :60]).save("in/a.png")
    Image.fromarray(photo[:50, :30]).save("in/deep/b.jpg")
    Image.fromarray(photo[:30, :30]).save("in/deep/er/a.webp")
    Image.fromarray(photo[:30, :30]).save("in/.hidden/h.png")
    Path("in/deep/broken.png").write_bytes(Path("in/a.png").read_bytes()[:500])
    Path("in/notes.txt").write_text("not a picture")
    return tmp_path


def outputs(root: str = "out") -> list[str]:
    found = (p.relative_to(root) for p in Path(root).rglob("*") if p.is_file())
    return sorted(str(p) for p in found if not p.name.startswith("."))


def encode_folder(*more: str) -> int:
    return main(["encode", "in", "-o", "out/", "-r", "-m", "tiny", *more])


def test_a_tree_is_mirrored_and_a_failure_stops_nothing(folder: Path, capsys: Captured) -> None:
    assert encode_folder() == 1
    assert outputs() == ["a.lic", "deep/b.lic", "deep/er/a.lic"]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("in/deep/broken.png: ") and len(lines) == 2
    assert lines[1].startswith("4 pictures: 3 converted, 1 failed, 1 of unknown type left: notes.txt; ")
    assert main(["decode", "out", "-o", "back/", "-r"]) == 0
    assert outputs("back") == ["a.png", "deep/b.png", "deep/er/a.png"]


def test_without_recursion_only_the_folder_itself(folder: Path, capsys: Captured) -> None:
    assert main(["encode", "in", "-o", "out/", "-m", "tiny"]) == 0
    assert outputs() == ["a.lic"]
    Path("in/sub/subsub").mkdir(parents=True)
    assert main(["encode", "in/sub", "-o", "out/", "-m", "tiny"]) == 2
    assert "no pictures in in/sub; --recursive looks into subfolders" in capsys.readouterr().err


def test_a_run_goes_on_where_it_stopped(folder: Path, capsys: Captured) -> None:
    Path("in/deep/broken.png").unlink()
    assert encode_folder() == 0
    made = json.loads(Path("out/.lic-made.json").read_text())
    made["a.lic"][2] = False  # as if the run had been killed meanwhile
    Path("out/.lic-made.json").write_text(json.dumps(made))
    os.utime("in/deep/b.jpg", (1, 1))  # changed, though not newer
    before = {name: Path("out", name).read_bytes() for name in outputs()}
    capsys.readouterr()
    assert encode_folder("-v") == 0
    error = capsys.readouterr().err
    assert "again: it was not finished" in error and "again: the input has changed" in error
    assert "in/deep/er/a.webp -> out/deep/er/a.lic: skipped, up to date" in error
    assert "3 pictures: 2 converted, 1 skipped (up to date)" in error
    assert {name: Path("out", name).read_bytes() for name in outputs()} == before
    assert encode_folder("--force") == 0
    assert "3 converted, 1 of unknown" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["-q", "90"], ["-e", "1"], ["--strip"], ["--target-size", "1k"]])
def test_a_rerun_with_other_settings_does_all_again(folder: Path, capsys: Captured, more: list[str]) -> None:
    Path("in/deep/broken.png").unlink()
    assert encode_folder() == 0
    capsys.readouterr()
    assert encode_folder(*more, "-v") == 0
    error = capsys.readouterr().err
    assert "3 converted" in error and error.count("instead of the default") == 3
    assert main(["encode", "in/a.png", "-o", "alone.lic", "-m", "tiny", *more]) == 0
    assert Path("out/a.lic").read_bytes() == Path("alone.lic").read_bytes()
    assert encode_folder(*more) == 0
    assert "3 skipped (up to date)" in capsys.readouterr().err


def test_another_model_or_version_does_all_again(
    folder: Path, tiny_model: FrozenModel, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("in/deep/broken.png").unlink()
    assert encode_folder() == 0
    other = dataclasses.replace(tiny_model, restore=tiny_model.restore * 0.9)
    Path("other.safetensors").write_bytes(other.to_bytes())
    assert encode_folder("-m", "other.safetensors") == 0
    assert "3 converted" in capsys.readouterr().err
    monkeypatch.setattr("importlib.metadata.version", lambda _: "99")
    assert encode_folder("-m", "other.safetensors", "-v") == 0
    assert "again: lic 99 instead of " in capsys.readouterr().err


def test_a_decoding_is_done_again_for_another_region(folder: Path) -> None:
    encode_folder()
    assert main(["decode", "out", "-o", "back/"]) == 0
    assert main(["decode", "out", "-o", "back/", "--crop", "0,0,5,6"]) == 0
    assert Image.open("back/a.png").size == (5, 6)
    stamp = os.stat("back/a.png")
    assert main(["decode", "out", "-o", "back/", "--crop", "0,0,5,6"]) == 0
    assert os.stat("back/a.png") == stamp


def test_files_that_no_run_has_made_are_kept(folder: Path, capsys: Captured) -> None:
    """`lic encode photos/` and `lic decode photos/` must not replace the photos."""
    assert main(["encode", "in", "-m", "tiny"]) == 0
    before = Path("in/a.png").read_bytes()
    assert main(["decode", "in"]) == 1
    assert "in/a.lic: in/a.png exists, and no run over this folder has made it: give --force" in capsys.readouterr().err
    assert Path("in/a.png").read_bytes() == before


def test_an_output_that_somebody_has_changed_is_kept(folder: Path, capsys: Captured) -> None:
    assert main(["encode", "in/a.png", "-o", "lic/", "-m", "tiny"]) == 0
    decode = ["decode", "lic", "-o", "png/"]
    assert main(decode) == 0
    Image.open("png/a.png").rotate(180).save("png/a.png")
    edited = Path("png/a.png").read_bytes()
    capsys.readouterr()
    assert main(decode) == 0
    error = capsys.readouterr().err
    assert error.startswith("lic/a.lic: png/a.png was changed after it was made: it is kept, --force overwrites it\n")
    assert main([*decode, "--crop", "0,0,5,6"]) == 1
    assert (
        "was changed after it was made, and now crop [0, 0, 5, 6] instead of None: give --force"
        in capsys.readouterr().err
    )
    assert Path("png/a.png").read_bytes() == edited
    assert main([*decode, "--force"]) == 0
    assert Path("png/a.png").read_bytes() != edited


def test_an_output_with_other_times_is_up_to_date(folder: Path, capsys: Captured) -> None:
    """As after `cp -r`."""
    assert main(["encode", "in", "-o", "out/", "-m", "tiny"]) == 0
    os.utime("out/a.lic", (1, 1))
    assert main(["encode", "in", "-o", "out/", "-m", "tiny"]) == 0
    assert "1 skipped (up to date)" in capsys.readouterr().err


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_during_a_run_is_kept(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    read = lic.tools.batch.storage.read

    def meanwhile(name: str) -> bytes:
        Path("out").mkdir(exist_ok=True)
        Path("out/a.lic").write_text("somebody else's")
        return read(name)

    def no_links(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("lic.tools.batch.storage.read", meanwhile)
    if not links:
        monkeypatch.setattr("os.link", no_links)
    assert main(["encode", "in", "-o", "out/", "-m", "tiny"]) == 1
    assert main(["encode", "in/a.png", "-o", "out/b.lic", "-m", "tiny"]) == 0
    assert "in/a.png: out/a.lic exists: give --force to overwrite it\n" in capsys.readouterr().err
    assert Path("out/a.lic").read_text() == "somebody else's" and outputs() == ["a.lic", "b.lic"]


def test_nothing_to_do_starts_no_processes_and_loads_no_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("in/deep/broken.png").unlink()
    assert encode_folder() == 0
    monkeypatch.setattr("lic.tools.pool.in_processes", None)
    monkeypatch.setattr(ModelFile, "load", None)
    assert encode_folder("--jobs", "2") == 0


def test_a_dry_run_says_what_would_be_done_and_does_nothing(folder: Path, capsys: Captured) -> None:
    assert main(["encode", "in", "-o", "out/", "-m", "tiny", "--dry-run"]) == 0
    assert capsys.readouterr().out == "in/a.png -> out/a.lic\n" and not Path("out").exists()
    assert main(["encode", "in", "-o", "out/", "-m", "tiny"]) == 0
    assert main(["encode", "in", "-o", "out/", "-m", "tiny", "-n"]) == 0
    assert capsys.readouterr().out == "in/a.png -> out/a.lic (up to date)\n"


def test_processes_give_the_same_files_in_the_same_order(folder: Path, capsys: Captured) -> None:
    encode_folder()
    alone = {name: Path("out", name).read_bytes() for name in outputs()}, without_speed(capsys)
    encode_folder("--force", "--jobs", "2")
    assert ({name: Path("out", name).read_bytes() for name in outputs()}, without_speed(capsys)) == alone


def without_speed(capsys: Captured) -> str:
    return capsys.readouterr().err.rpartition(";")[0]


def test_threads_are_as_many_as_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr("lic.tools.batch.conversion.use_threads", asked.append)
    for more in ([], ["--threads", "3"]):
        assert main(["encode", "in/a.png", "-o", f"{len(more)}.lic", "-m", "tiny", *more]) == 0
    assert asked == [3]
    assert Path("0.lic").read_bytes() == Path("2.lic").read_bytes()


def test_warnings_are_one_line_and_no_failure(folder: Path, capsys: Captured, photo: Pixels) -> None:
    frames = [Image.fromarray(photo[:40, :40]), Image.fromarray(photo[40:80, :40])]
    frames[0].save("two.tif", save_all=True, append_images=frames[1:])
    assert main(["encode", "two.tif", "-m", "tiny"]) == 0
    assert capsys.readouterr().err == "two.tif: the picture has 2 frames, only number 1 is encoded\n"
    assert read_info("two.lic").size == (40, 40)


def test_a_foreign_error_names_its_kind(folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise RuntimeError("no\nkernel")

    monkeypatch.setattr("lic.tools.commands.encode.encode_bytes", fail)
    assert main(["encode", "in/a.png", "-m", "tiny"]) == 1
    assert capsys.readouterr().err == "in/a.png: RuntimeError: no kernel\n"


@pytest.mark.parametrize("jobs", ["0", "-1", "two"])
def test_jobs_are_counted_from_one(jobs: str) -> None:
    with pytest.raises(SystemExit):
        main(["encode", "x.png", "--jobs", jobs])


def test_inputs_that_differ_in_their_extension_only_keep_it(folder: Path) -> None:
    Image.fromarray(np.zeros((9, 9), np.uint8)).save("in/a.jpg")
    assert main(["encode", "in", "-o", "out/", "-m", "tiny"]) == 0
    assert outputs() == ["a.jpg.lic", "a.png.lic"]
    assert main(["encode", "in/a.jpg", "-o", "out/", "-m", "tiny", "--suffix", "_small.lic"]) == 0
    assert "a_small.lic" in outputs()
    assert main(["decode", "out", "-o", "back/", "--suffix", ".tif"]) == 0
    assert outputs("back") == ["a.jpg.tif", "a.png.tif", "a_small.tif"]


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_an_input_is_never_overwritten(folder: Path, capsys: Captured, link: Callable[[str, str], None] | None) -> None:
    before = Path("in/a.png").read_bytes()
    output = "in/a.png"
    if link:
        link(os.path.abspath(output), output := "linked.png")
    assert main(["encode", "in/a.png", "-o", output, "-m", "tiny", "-f"]) == 2
    assert "would be lost" in capsys.readouterr().err
    assert Path("in/a.png").read_bytes() == before
    assert main(["encode", "in/a.png", "-o", "x.lic", "-m", "tiny"]) == 0
    assert main(["decode", "x.lic", "-o", "x.lic", "-f"]) == 2


def test_only_a_slash_or_a_folder_that_exists_names_a_folder(folder: Path, capsys: Captured) -> None:
    several = ["encode", "in/a.png", "in/deep/b.jpg", "-m", "tiny", "-o"]
    assert main([*several, "same.lic"]) == 2
    assert "same.lic is no folder, which several pictures need: end its name with a slash" in capsys.readouterr().err
    assert main(["encode", "in", "-m", "tiny", "-o", "out"]) == 2
    assert main([*several, "new/deep/"]) == main(["encode", "in/a.png", "-m", "tiny", "-o", "new/a.lic"]) == 2
    assert "make it first, or give --parents" in capsys.readouterr().err
    assert not Path("same.lic").exists() and not Path("new").exists() and not Path("out").exists()
    assert main([*several, "new/deep/", "--parents"]) == main([*several, "flat/"]) == 0
    assert main([*several, "flat", "-f"]) == 0
    assert outputs("flat") == outputs("new/deep") == ["a.lic", "b.lic"]


def test_quality_is_measured_and_reported(folder: Path, capsys: Captured) -> None:
    arguments = ["encode", "in/a.png", "in/deep/b.jpg", "-o", "out/", "-m", "tiny", "--psnr", "--json"]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    facts = [json.loads(line) for line in captured.out.splitlines()]
    assert [fact["source"] for fact in facts] == ["in/a.png", "in/deep/b.jpg"]
    decoded = np.asarray(Image.open("out/a.lic"))
    assert facts[0]["psnr"] == pytest.approx(psnr(np.asarray(Image.open("in/a.png")), decoded))
    assert f"PSNR {facts[0]['psnr']:.2f} dB" in captured.err and facts[0]["pixels"] == 2400
    assert main(["encode", "in/a.png", "-o", "x.lic", "-m", "tiny", "--psnr", "--json", "--lossless"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["psnr"] == "exact" and ", exact" in captured.err


def test_quiet_says_only_errors(folder: Path, capsys: Captured) -> None:
    assert encode_folder("--quiet") == 1
    assert capsys.readouterr().err.startswith("in/deep/broken.png: image file is truncated")
    Path("in/deep/broken.png").unlink()
    assert encode_folder("--quiet", "-f") == 0
    assert capsys.readouterr().err == ""
    with pytest.raises(SystemExit):
        encode_folder("--quiet", "--verbose")


@pytest.mark.parametrize("shown", [["look"], ["-e", "2", "effort, round"], ["--target-size", "900", "target"]])
def test_progress_within_a_picture_is_shown_on_a_terminal(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, shown: list[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    *options, what = shown
    assert main(["encode", "in/a.png", "-o", "x.lic", "-m", "tiny", *options]) == 0
    assert what in capsys.readouterr().err


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "{", '{"a.lic": ["x", "y"]}', '{"a.lic": 1}', '{"a.lic": {}}'])
def test_a_malformed_record_is_one_line(text: str, folder: Path, capsys: Captured) -> None:
    encode_folder()
    Path("out", ".lic-made.json").write_text(text)
    capsys.readouterr()
    assert encode_folder() == 2
    assert capsys.readouterr().err == "lic encode: out/.lic-made.json is damaged: delete it, and run with --force\n"
