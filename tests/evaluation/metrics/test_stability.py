import math

import pytest
import torch

from sr_core.evaluation.metrics.mel import log_mel
from sr_core.evaluation.metrics.onsets import onset_strength
from sr_core.evaluation.metrics.stability import farthest_by_chance, find_lag, stability
from sr_core.rates import SAMPLE_RATE

from ..conftest import bursts

pytestmark = pytest.mark.torchaudio

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


@pytest.mark.parametrize("parts, dunnett", [(2, 1.96), (4, 2.35), (6, 2.51), (10, 2.69)])
def test_chance_is_dunnetts_value_of_many_comparisons_with_one(parts, dunnett):
    # Two-sided 5 % points, infinite degrees of freedom (Dunnett, Biometrics 1964, table II).
    assert farthest_by_chance(parts) == pytest.approx(math.sqrt(2) * dunnett, abs=0.01)


def test_of_runs_that_do_not_drift_one_in_twenty_changes_more_than_chance():
    generator = torch.Generator().manual_seed(3)
    levels = torch.randn(40_000, 10, generator=generator)
    farthest = (levels[:, 1:] - levels[:, :1]).abs().amax(1)
    assert (farthest > farthest_by_chance(10)).double().mean() == pytest.approx(0.05, abs=0.004)


def test_the_chance_of_a_run_comes_from_its_showings():
    gains = [1, *[1.1, 0.9, 1.05, 0.95, 1.02] * 4]
    found = stability([LOOP * gain for gain in gains], SAMPLE_RATE)
    levels = 20 * torch.tensor(gains[1:]).log10()
    assert found["level_spread_db"] == pytest.approx(float(levels.std()), rel=1e-3)
    assert len(found["parts"]) == 10  # of two showings each
    expected = found["level_spread_db"] * farthest_by_chance(10) / math.sqrt(2)
    assert found["level_chance_db"] == pytest.approx(expected)
    assert found["onset_rate_chance"] == 0 and abs(found["level_change_db"]) > 0
