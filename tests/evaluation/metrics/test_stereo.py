import pytest
import torch

from sr_core.evaluation.metrics.events import Sound
from sr_core.evaluation.metrics.stereo import (
    clearly_heard,
    level_differences_db,
    mean_error,
    right_sides,
    side_mid_db,
    time_differences_ms,
)

from ..conftest import bursts

NOISE = torch.randn(1, 48_000, generator=torch.Generator().manual_seed(0)) / 10


def test_half_the_level_on_the_right_is_6_db():
    differences = level_differences_db(torch.cat([NOISE, NOISE / 2]))
    assert differences.mean() == pytest.approx(6.02, abs=0.01)
    assert (level_differences_db(torch.cat([NOISE, 0 * NOISE])) == 30).all()


def test_a_later_left_channel_has_a_positive_time_difference():
    late = torch.cat([NOISE.roll(24, dims=1), NOISE])
    assert time_differences_ms(late).median() == pytest.approx(0.5, abs=1e-6)
    assert time_differences_ms(late.flip(0)).median() == pytest.approx(-0.5, abs=1e-6)
    assert (time_differences_ms(NOISE.repeat(2, 1)) == 0).all()


def test_silence_says_nothing_about_sides():
    silence = torch.zeros(2, 48_000)
    assert level_differences_db(silence).isnan().all()
    assert time_differences_ms(silence).isnan().all()
    sounding = level_differences_db(NOISE.repeat(2, 1))
    assert mean_error(level_differences_db(silence), sounding) is None
    assert mean_error(sounding, sounding) == 0


def test_side_to_mid_is_bounded_for_mono_and_opposite_channels():
    assert side_mid_db(NOISE.repeat(2, 1)) == pytest.approx(-60)
    assert side_mid_db(torch.cat([NOISE, -NOISE])) == pytest.approx(60)
    assert side_mid_db(torch.cat([NOISE, 0 * NOISE])) == pytest.approx(0)
    assert side_mid_db(torch.zeros(2, 100)) == pytest.approx(-60)


def test_lone_sounds_are_on_their_side_and_on_the_wrong_one_when_exchanged():
    sounds = [Sound(0.5, 60.0), Sound(1.5, -60.0), Sound(2.5, -200.0)]  # -200 is 160: right
    waveform = bursts([0.5, 1.5, 2.5], 3.0, [0.8, -0.8, 0.8])
    assert clearly_heard(waveform, sounds) == sounds
    assert right_sides(waveform, sounds) == [1, 1, 1]
    assert right_sides(waveform.flip(0), sounds) == [0, 0, 0]
    assert right_sides(waveform.mean(0, keepdim=True).repeat(2, 1), sounds) == [0.5, 0.5, 0.5]


def test_a_logged_sound_that_does_not_stand_out_is_not_asked_about():
    waveform = bursts([0.5], 2.0)
    assert clearly_heard(waveform, [Sound(1.5, 60.0)]) == []
    assert clearly_heard(torch.zeros(2, 48_000), [Sound(0.0, 60.0)]) == []
