import pytest
import torch

from lic.tools.course.figures_latent import ring_mixture


def test_the_mixture_of_the_em_figure_is_a_distribution() -> None:
    mixture = ring_mixture()
    assert float(mixture.weights.sum()) == pytest.approx(1)
    assert (torch.linalg.eigvalsh(mixture.covariances) > 0).all()
