import pytest
import torch

from sr_core.evaluation.metrics.distances import (
    frechet_distance,
    mel_distance_db,
    mel_spread_db,
    mmd,
    stft_distance,
)

from ..conftest import bursts


def cloud(count, width=4, shift=0.0, scale=1.0, seed=0):
    points = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return points * scale + shift


def test_anything_has_no_distance_from_itself():
    waveform, points = bursts([0.3], 1.0), cloud(50)
    assert stft_distance(waveform, waveform) == 0
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-9)
    assert mmd(points, points) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_has_the_closed_form_of_normal_distributions():
    apart = frechet_distance(cloud(20_000, shift=3.0), cloud(20_000, scale=2.0, seed=1))
    assert apart == pytest.approx(4 * (3.0**2 + (2 - 1) ** 2), rel=0.03)


def test_frechet_distance_needs_no_more_points_than_dimensions():
    same, other = cloud(5, 48), cloud(5, 48, shift=1.0)
    assert frechet_distance(same, other) == pytest.approx(48, rel=1e-3)


def test_mmd_grows_with_the_shift_to_its_limit():
    values = [mmd(cloud(300), cloud(300, shift=shift, seed=1)) for shift in (0, 2, 10, 1000)]
    assert values == sorted(values) and values[0] < 10
    assert 1900 < values[-1] <= 2000


def test_too_few_points_have_no_distance():
    assert frechet_distance(cloud(1), cloud(9)) is None
    assert mmd(cloud(0), cloud(9)) is None


def test_a_gain_is_seen_by_the_mel_distance_and_not_by_the_spread():
    mel = torch.randn(64, 100, generator=torch.Generator().manual_seed(0))
    assert mel_distance_db(mel + 6, mel) == pytest.approx(6, abs=1e-5)
    assert mel_spread_db(mel + 6) == pytest.approx(mel_spread_db(mel), abs=1e-5)
    assert mel_spread_db(torch.full((64, 100), -20.0)) == 0


def test_stft_distance_hears_left_and_right_exchanged():
    waveform = bursts([0.3], 1.0, [1.0])
    assert stft_distance(waveform.flip(0), waveform) > 0.5
