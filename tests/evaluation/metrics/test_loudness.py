import pytest
import torch

from sr_core.evaluation.metrics.loudness import (
    envelope_correlation,
    level_db,
    loudness_envelope,
    silent_share,
)

from ..conftest import bursts


def test_levels_are_relative_to_full_scale():
    assert level_db(torch.ones(2, 100)) == pytest.approx(0)
    assert level_db(torch.full((2, 100), 0.1)) == pytest.approx(-20, abs=1e-4)
    assert level_db(torch.zeros(2, 100)) == pytest.approx(-80)


def test_envelopes_agree_with_themselves_at_any_gain_and_turn_over():
    envelope = loudness_envelope(bursts([0.5, 1.0, 1.6], 2.0))
    assert envelope.shape == (60,)
    assert envelope_correlation(envelope + 6, envelope) == pytest.approx(1)
    assert envelope_correlation(-envelope, envelope) == pytest.approx(-1)


def test_a_constant_sound_follows_nothing_and_a_constant_reference_says_nothing():
    envelope = loudness_envelope(bursts([0.5], 1.0))
    assert envelope_correlation(torch.full((30,), -20.0), envelope) == 0
    assert envelope_correlation(envelope, torch.full((30,), -20.0)) is None


def test_frames_below_55_db_under_full_scale_are_silent_whichever_channel_sounds():
    frames = torch.tensor([-20.0, -54.9, -55.1, -90.0])
    left = (10 ** (frames / 20)).repeat_interleave(1600)
    assert silent_share(loudness_envelope(left.repeat(2, 1))) == 0.5
    one_channel = torch.stack([left, torch.zeros_like(left)])  # 3 dB less power in the mean
    assert silent_share(loudness_envelope(one_channel)) == 0.75
    assert silent_share(loudness_envelope(torch.zeros(2, 100))) == 0
