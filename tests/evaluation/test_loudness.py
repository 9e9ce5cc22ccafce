import pytest
import torch

from sr_core.evaluation.loudness import (
    envelope_correlation,
    level_db,
    loudness_envelope,
)

from .conftest import bursts


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
