import math

import pytest
import torch

from sr_core.training.tasks.energy_score import energy_score, features_of


def test_the_score_is_the_formula_in_one_dimension():
    """(|1 - 4| + |3 - 4| - |1 - 3|) / 2 = 1, averaged with the (missing) differences: half."""
    one, other, real = (torch.full((1, 1, 1), value) for value in (1.0, 3.0, 4.0))
    assert energy_score(one, other, real).item() == pytest.approx(0.5, abs=1e-3)
    assert energy_score(one, other, real, dispersions=[0]).item() == pytest.approx(1.0, abs=1e-3)


def test_each_scale_has_its_own_dispersion():
    """Two frames, 1 and 3 against 4: scale 1 gives 1, or 2 without dispersion, its differences 0.

    Scale 2 has one mean, larger by 2^(1/4), and no differences; both are averaged over 4 features.
    """
    one, other, real = (torch.full((1, 2, 1), value) for value in (1.0, 3.0, 4.0))
    for fine, coarse in ((1, 1), (0, 1), (1, 0)):
        expected = ((2 - fine) + (2 - coarse) * 2**0.25) / 4
        score = energy_score(one, other, real, (1, 2), (fine, coarse)).item()
        assert score == pytest.approx(expected, abs=2e-3)


def test_dispersions_that_are_not_given_are_one():
    one, other, real = torch.randn(3, 2, 9, 4, generator=torch.Generator().manual_seed(0))
    scales = (1, 2, 4)
    expected = energy_score(one, other, real, scales, (1.0, 1.0, 1.0))
    assert torch.equal(energy_score(one, other, real, scales), expected)


def test_the_distance_is_euclidean_over_channels():
    one, real = torch.tensor([[[3.0, 4.0]]]), torch.zeros(1, 1, 2)
    assert energy_score(one, one, real).item() == pytest.approx(2.5, abs=2e-3)


def test_features_are_means_and_their_differences():
    x = torch.tensor([1.0, 3.0, 7.0, 9.0, 100.0])[None, :, None]
    values, changes, means, steps = (f.flatten().tolist() for f in features_of(x, (1, 2)))
    assert values == x.flatten().tolist() and changes == [2.0, 4.0, 2.0, 91.0]
    assert means == pytest.approx([2 * 2**0.25, 8 * 2**0.25])
    assert steps == pytest.approx([6 * 2**0.25])


@pytest.mark.parametrize(("mean", "deviation"), [(0.5, 1.0), (0.0, 0.5), (0.0, 2.0)])
def test_the_datas_own_distribution_has_the_lowest_score(mean, deviation):
    generator = torch.Generator().manual_seed(0)
    one, other, real = (torch.randn(20_000, 2, 1, generator=generator) for _ in range(3))
    scales = (1, 2), (1, 1)
    right = energy_score(one, other, real, *scales).mean()
    wrong = energy_score(one * deviation + mean, other * deviation + mean, real, *scales).mean()
    assert right < wrong - 0.01


def test_the_score_of_normal_numbers_is_known():
    """E|x - y| of standard normal numbers is 2 / sqrt(pi), so the score is 1 / sqrt(pi)."""
    generator = torch.Generator().manual_seed(1)
    one, other, real = (torch.randn(200_000, 1, 1, generator=generator) for _ in range(3))
    score = 2 * energy_score(one, other, real).mean().item()  # no differences: half of it is 0
    assert score == pytest.approx(1 / math.sqrt(math.pi), rel=0.01)


def test_equal_sounds_have_a_finite_gradient():
    x = torch.zeros(1, 4, 2, requires_grad=True)
    energy_score(x, x, torch.zeros(1, 4, 2), (1, 2, 8), (1, 1, 1)).sum().backward()
    assert x.grad.isfinite().all()
