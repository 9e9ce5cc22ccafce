"""Intervals over clips, against closed forms and against resampling one draw at a time."""

import pytest
import torch

from sr_core.evaluation.metrics.distances import frechet_distance, mmd
from sr_core.evaluation.protocol.intervals import (
    CLOUD_RESAMPLES,
    frechet_interval,
    mmd_interval,
    percentiles,
    ratio_interval,
    resamples,
)


def clouds(clips, shift=0.0, seed=0):
    """Clips of different lengths that differ from one another."""
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(4 + n % 3, 3, generator=generator)
        + torch.randn(1, 3, generator=generator)
        + shift
        for n in range(clips)
    ]


def drawn(points, draw):
    return torch.cat([own for own, times in zip(points, draw, strict=True) for _ in range(times)])


def one_by_one(distance, points, reference, mine, real):
    pairs = zip(mine.int().tolist(), real.int().tolist(), strict=True)
    values = [distance(drawn(points, a), drawn(reference, b)) for a, b in pairs]
    return percentiles(torch.tensor(values, dtype=torch.float64))


def test_a_draw_has_as_many_clips_as_there_are_each_as_often_as_any():
    draws = resamples(40)
    assert draws.shape == (1000, 40) and (draws.sum(1) == 40).all()
    assert draws.var(dim=1).mean() == pytest.approx(1, abs=0.03)  # with replacement
    assert draws.mean(0).sub(1).abs().max() < 0.12
    assert torch.equal(draws, resamples(40))


def test_a_means_interval_is_that_of_the_normal_distribution():
    values = torch.randn(200, generator=torch.Generator().manual_seed(1)).double()
    low, high = ratio_interval(values.tolist(), [1] * 200)
    error = 1.96 * float(values.std()) / 200**0.5
    assert low == pytest.approx(float(values.mean()) - error, abs=0.02)
    assert high == pytest.approx(float(values.mean()) + error, abs=0.02)


def test_an_interval_may_cover_another_share():
    values = torch.randn(200, generator=torch.Generator().manual_seed(1)).double()
    low, high = ratio_interval(values.tolist(), [1] * 200, 0.9)
    assert high - low == pytest.approx(2 * 1.645 * float(values.std()) / 200**0.5, abs=0.02)


def test_whole_clips_are_drawn_so_that_many_events_of_few_clips_say_little():
    many_alike = ratio_interval([100, 0, 100, 0], [100] * 4)  # 400 shots, but 4 clips
    assert many_alike[0] == 0 and many_alike[1] == 1


def test_clips_that_cannot_tell_are_passed_over_and_one_alone_has_no_interval():
    assert ratio_interval([3, 0, 0], [4, 0, 0]) is None
    assert ratio_interval([], []) is None
    low, high = ratio_interval([1, 2, 0], [4, 4, 0])
    assert low == 0.25 and high == 0.5


@pytest.mark.torchaudio
@pytest.mark.parametrize(
    "of, distance", [(frechet_interval, frechet_distance), (mmd_interval, mmd)]
)
@pytest.mark.parametrize("paired", [True, False])
def test_intervals_of_sets_are_those_of_each_draw_on_its_own(of, distance, paired):
    points, reference = clouds(6), clouds(6, shift=1.0, seed=1)
    mine = resamples(6, CLOUD_RESAMPLES)
    real = mine if paired else resamples(6, CLOUD_RESAMPLES, seed=1)
    expected = one_by_one(distance, points, reference, mine, real)
    assert of(points, reference, paired) == pytest.approx(expected, rel=1e-6)
    assert of(points, reference, True) != of(points, reference, False)


def test_one_clip_and_embeddings_too_wide_have_no_interval():
    assert frechet_interval(clouds(1), clouds(1), True) is None
    assert mmd_interval(clouds(1), clouds(1), True) is None
    wide = [torch.zeros(3, 768)] * 2
    assert frechet_interval(wide, wide, True) is None
