"""What is familiar: sums, features, distance and limit beside their formulas."""

import pytest
import torch

from sr_core.vision.ood import FEWEST, OODDetector, clip_statistics, features


def test_a_look_sums_means_and_mean_squares_of_patches():
    grid = torch.randn(2, 5, 7, 6)
    whole = clip_statistics(grid)
    pieces = clip_statistics(grid[:, 3:], clip_statistics(grid[:, :3]))
    assert whole.frames == pieces.frames == 5
    for part, expected in ((1, grid.mean(dim=2).sum(dim=1)), (2, (grid**2).mean(dim=2).sum(dim=1))):
        torch.testing.assert_close(whole[part], expected)
        torch.testing.assert_close(pieces[part], expected)


def test_features_are_log_variances_of_the_grid_and_log_powers_of_its_difference():
    grid, scale = 0.5 * torch.randn(2, 40, 30, 6) + 2, torch.rand(6) + 0.5
    flat = grid.flatten(1, 2)
    own = flat[..., :3].var(dim=1, unbiased=False)
    change = flat[..., 3:].square().mean(dim=1)
    expected = (torch.cat([own, change], dim=1) / scale.square() + 0.003).log()
    torch.testing.assert_close(
        features(clip_statistics(grid), scale), expected, rtol=1e-3, atol=1e-3
    )


def test_the_distance_is_mahalanobis_with_half_of_the_correlations():
    torch.manual_seed(0)
    looks = torch.randn(400, 4) @ torch.randn(4, 4) + 3
    familiar = OODDetector(2, frames=10)
    familiar.fit(looks, FEWEST)
    covariance = torch.cov(looks.T, correction=0)
    shrunk = 0.5 * covariance + 0.5 * covariance.diag().diag()
    apart = looks - looks.mean(dim=0)
    expected = (apart @ torch.linalg.inv(shrunk) * apart).sum(dim=1) / 4
    found = ((looks - familiar.mean) @ familiar.whitening.T).square().mean(dim=1)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    assert familiar.limit.item() == pytest.approx(expected.quantile(0.99).item(), rel=1e-3)


def test_a_channel_that_hardly_changes_has_its_own_variance_down_to_a_floor():
    torch.manual_seed(0)
    looks = torch.randn(4000, 2) * torch.tensor([0.1, 1e-4])
    familiar = OODDetector(1, frames=10)
    familiar.fit(looks, FEWEST)
    assert familiar.whitening[0, 0].item() == pytest.approx(10, rel=0.1)
    # Half of the way from 1e-8 to the floor of 1e-4.
    assert familiar.whitening[1, 1].item() == pytest.approx(0.5e-4**-0.5, rel=0.1)


def test_too_few_clips_leave_everything_familiar():
    familiar = OODDetector(2, frames=10)
    familiar.fit(torch.randn(400, 4), FEWEST - 1)
    assert familiar.limit == torch.inf and torch.equal(familiar.whitening, torch.eye(4))


def test_the_distance_is_from_the_middle_of_what_was_learned():
    grid, scale = torch.randn(2, 12, 30, 4), torch.ones(4)
    familiar = OODDetector(2, frames=10)
    look = familiar.add(grid, None)
    familiar.mean.copy_(features(look, scale)[1] - torch.tensor([1.0, 2.0, 3.0, 4.0]))
    familiar.whitening.copy_(torch.diag(torch.tensor([1.0, 0.5, 2.0, 0.25])))
    found = familiar.distance(look, scale)
    assert found.shape == (2,) and found[1].item() == pytest.approx((1 + 1 + 36 + 1) / 4, rel=1e-4)


def test_it_judges_as_soon_as_it_has_seen_enough_and_beyond_the_limit_alone():
    grid, scale = torch.randn(1, 12, 30, 4), torch.ones(4)
    familiar = OODDetector(2, frames=10)
    look = familiar.add(grid, None)
    assert look.frames == 10
    distance = familiar.distance(look, scale)
    torch.testing.assert_close(distance, features(look, scale).square().mean(dim=1))
    for limit, unlike in ((distance.item() * 1.01, False), (distance.item() * 0.99, True)):
        familiar.limit.fill_(limit)
        assert familiar.is_beyond_limit(look, scale) is unlike
        assert not familiar.is_beyond_limit(familiar.add(grid[:, :9], None), scale)
