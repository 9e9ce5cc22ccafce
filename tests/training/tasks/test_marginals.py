import pytest
import torch

from sr_core.training.tasks.marginals import marginal_distance


def test_the_order_of_rows_and_frames_does_not_matter():
    x = torch.arange(12.0).view(2, 3, 2)
    assert marginal_distance(x.flip(0, 1), x) == 0


def test_a_shift_of_one_feature_is_averaged_over_features():
    x = torch.arange(12.0).view(2, 3, 2)
    assert marginal_distance(x + torch.tensor([0.0, 3.0]), x).item() == pytest.approx(1.5)


def test_it_is_the_distance_of_sorted_values():
    """Sorted: 0 and 4 against 1 and 2, so (1 + 2) / 2."""
    drawn, real = torch.tensor([[[4.0], [0.0]]]), torch.tensor([[[1.0], [2.0]]])
    assert marginal_distance(drawn, real).item() == pytest.approx(1.5)


def test_two_samples_of_every_row_have_the_distribution_of_the_real_rows():
    real = torch.tensor([[[0.0], [2.0]]])
    mean = torch.ones(2, 2, 1)
    both = torch.tensor([[[0.0], [0.0]], [[2.0], [2.0]]])
    assert marginal_distance(both, real) == 0  # each sample misses one of the values
    assert marginal_distance(mean, real).item() == pytest.approx(1)


def test_normal_numbers_of_another_width_are_as_far_as_their_widths():
    """W1 of N(0, 1) and N(0, 4) is E|z| = sqrt(2 / pi)."""
    x = torch.randn(1, 100_000, 1, generator=torch.Generator().manual_seed(0))
    expected = (2 / torch.pi) ** 0.5
    assert marginal_distance(2 * x, x).item() == pytest.approx(expected, rel=0.01)
