import math

import pytest
import torch

from sr_core.evaluation.mel import SAMPLE_RATE, log_mel
from sr_core.evaluation.onsets import onset_strength
from sr_core.evaluation.stability import find_lag, stability

from .conftest import bursts

LOOP = bursts([0.2, 0.7], 1.0)


def test_a_sound_that_repeats_itself_does_not_drift():
    found = stability([LOOP] * 5, SAMPLE_RATE)
    assert found["loops"] == 5 and [part["from_s"] for part in found["parts"]] == [1, 2, 3, 4]
    for name in ("level_change_db", "spectrum_change_db", "onset_rate_change", "lag_ms"):
        assert found[name] == pytest.approx(0, abs=1e-9)
    assert found["parts"][0]["onsets_per_s"] == 2 and found["level_spread_db"] < 1e-9


def test_a_sound_that_fades_is_seen_to():
    found = stability([LOOP * 0.5**n for n in range(5)], SAMPLE_RATE)
    assert found["level_change_db"] == pytest.approx(20 * 3 * math.log10(0.5), abs=0.01)


def test_direct_current_that_builds_up_is_seen():
    found = stability([LOOP + 0.01 * n for n in range(5)], SAMPLE_RATE)
    assert found["dc_db"] == pytest.approx(20 * math.log10(0.04), abs=0.5)
    assert found["dc_change_db"] == pytest.approx(20 * math.log10(0.03), abs=0.01)
    assert stability([LOOP] * 5, SAMPLE_RATE)["dc_db"] < -60


def test_a_sound_that_becomes_dull_is_seen_at_an_equal_level():
    dull = torch.nn.functional.avg_pool1d(LOOP[None], 9, 1, 4)[0]
    dull = dull * (LOOP.square().mean() / dull.square().mean()).sqrt()
    found = stability([LOOP, LOOP, dull], SAMPLE_RATE)
    assert abs(found["level_change_db"]) < 1e-3 and found["spectrum_change_db"] > 1


def test_a_sound_that_comes_later_and_later_is_seen_to_the_millisecond():
    found = stability([LOOP.roll(48 * n, dims=1) for n in range(10)], SAMPLE_RATE)
    assert found["lag_ms"] == pytest.approx(8, abs=1.5)
    assert abs(found["onset_rate_change"]) < 1e-9


def test_onsets_that_grow_rare_are_seen():
    found = stability([LOOP, LOOP, bursts([0.2], 1.0)], SAMPLE_RATE)
    assert found["onset_rate_change"] == pytest.approx(-0.5)


def test_a_steady_sound_has_no_lag():
    steady = onset_strength(log_mel(torch.zeros(2, SAMPLE_RATE)))
    assert find_lag(steady, onset_strength(log_mel(LOOP))) == 0


def test_two_loops_cannot_tell():
    with pytest.raises(ValueError, match="three or more"):
        stability([LOOP] * 2, SAMPLE_RATE)
