"""The tables of `lic learn vae objectives` and `lic learn vae colour`."""

import math

import pytest

from lic.tools.cli import main
from lic.tools.course.comparisons import rate_at
from lic.tools.training.scores import Score

TINY = ["--steps", "2", "--crop", "32", "--batch", "2", "--channels", "8", "--latents", "12"]


def test_objectives_are_compared_in_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "vae", "objectives", *TINY]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "no such code" in line or "rounding" in line]
    assert [line.split()[0] for line in lines] == ["VAE", "noisy", "rounding"]
    ideal, real = float(lines[2].split()[-3]), float(lines[2].split()[-1])
    assert ideal < real < 1.2 * ideal + 0.05  # a real file costs its ideal code length and a little more


def test_colour_given_grey_is_cheaper_than_the_picture(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "vae", "colour", *TINY]) == 0
    table = capsys.readouterr().out.split("same PSNR")[1].splitlines()[2:]
    for line in table:
        _, whole, blind, informed = map(float, line.split())
        assert blind < 0.5 * whole and informed < 0.5 * whole


def test_rates_are_interpolated_and_never_promised_beyond_the_curve() -> None:
    points = [Score(0.1, 0.25, 30.0, 0), Score(0.2, 1.0, 34.0, 0)]
    assert rate_at(points, 32.0) == pytest.approx(0.5)
    assert rate_at(points, 25.0) == 0.25
    assert math.isnan(rate_at(points, 35.0))
