"""The training study: every network in it can be trained, and the table shows the measurements."""

import dataclasses
import sys
from pathlib import Path

import pytest
import torch

from lic.models.gdn import GDN
from lic.tools.studies import training_study
from lic.tools.studies.training_study import BASE, STUDIES, SimplifiedGDN
from lic.tools.training.loop import TrainConfig, train
from lic.tools.training.objective import Now


@pytest.mark.parametrize("name", STUDIES)
def test_every_network_of_the_study_learns(name: str) -> None:
    objective = dataclasses.replace(STUDIES[name][0], n=8, m=12)
    torch.manual_seed(0)
    model, x = objective.build(), torch.rand(2, 3, 64, 64)
    objective.start(model, x)
    draws = objective.draw(2, 64, torch.Generator().manual_seed(0))
    loss, _ = objective.loss(model, x, draws, Now(0, 0.0, final=False))
    loss.backward()
    assert loss.isfinite()
    learned = [p for p in model.parameters() if p.requires_grad]
    assert learned
    assert all(p.grad is not None and p.grad.isfinite().all() for p in learned)


def test_densities_by_online_em_come_closer_to_the_latents() -> None:
    objective = dataclasses.replace(STUDIES["densities by online EM"][0], n=8, m=12, lambdas=(0.01,))
    torch.manual_seed(0)
    model, x = objective.build(), torch.rand(4, 3, 64, 64)
    objective.start(model, x)
    model.density.rescale(0.2 * model.analysis(x).detach())
    rates = []
    for _ in range(100):
        *_, noise = objective.draw(4, 64, torch.Generator().manual_seed(0))
        rates.append(float(model(x, torch.zeros(4, dtype=torch.int64), "noise", noise).bits.sum().detach()))
    assert rates[-1] < 0.99 * rates[0]
    assert not model.density.log_heights.requires_grad


def test_the_simplified_gdn_divides_by_a_weighted_sum_of_magnitudes() -> None:
    x = torch.tensor([3.0, -4.0]).reshape(1, 2, 1, 1)
    gdn = SimplifiedGDN(2, beta=1.0, gamma=0.5)
    torch.testing.assert_close(gdn(x).flatten(), torch.tensor([3 / 2.5, -4 / 3]))
    assert isinstance(gdn, GDN)
    inverse = SimplifiedGDN(2, inverse=True, beta=1.0, gamma=0.5)
    torch.testing.assert_close(inverse(x).flatten(), torch.tensor([3 * 2.5, -4 * 3.0]))


def test_the_table_is_of_runs_that_are_trained_once(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    small = {name: (dataclasses.replace(o, n=8, m=12), c) for name, (o, c) in STUDIES.items()}
    monkeypatch.setattr(training_study, "STUDIES", small)
    monkeypatch.setattr(training_study, "SETTINGS", {"crop": 64, "batch": 2})
    trainings = []
    monkeypatch.setattr(training_study, "train", lambda *a, **k: trainings.append(a) or train(*a, **k))
    picture = config.data[0]
    line = ["study", picture, "--valid", picture, "-o", str(tmp_path), "--minutes", "0.01", "--only", "batch 4"]
    monkeypatch.setattr(sys, "argv", line)
    training_study.main()
    table = capsys.readouterr().out.split("| choice |")[1].splitlines()
    assert table[2].startswith(f"| {BASE} | ")
    assert table[2].split("|")[3].strip() == "+0.0"
    assert table[3].startswith("| batch 4 | ")
    training_study.main()
    assert len(trainings) == 2
    assert capsys.readouterr().out.split("| choice |")[1].splitlines() == table
