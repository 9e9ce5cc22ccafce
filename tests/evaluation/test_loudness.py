import math

import pytest
import torch

from sr_core.evaluation.loudness import (
    envelope_correlation,
    level_db,
    loop_stability,
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


def test_a_repeated_sound_is_stable_and_one_that_fades_is_not():
    loop = bursts([0.2, 0.7], 1.0)
    stable = loop_stability(loop.repeat(1, 5), 48_000)
    assert stable["loops"] == 5
    assert stable["level_change_db"] == pytest.approx(0) and stable["onset_rate_change"] == 0
    fading = torch.cat([loop * 0.5**n for n in range(5)], dim=1)
    expected = 20 * 3 * math.log10(0.5)
    assert loop_stability(fading, 48_000)["level_change_db"] == pytest.approx(expected, abs=1e-3)


def test_two_loops_cannot_tell():
    with pytest.raises(ValueError, match="three or more"):
        loop_stability(torch.zeros(2, 96_000), 48_000)
