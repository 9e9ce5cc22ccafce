"""Figures of the baseline 'motion stops' and differences from it, on wins that are known."""

from types import SimpleNamespace

import pytest

from sr_core.evaluation.protocol.intervals import ratio_interval
from sr_core.evaluation.protocol.stops import clip_difference, differences, stop_figures

STOPS = [[0.5, 0.7], [], [0.2, 0.4, 0.6]]


def seeds(*wins):
    return [SimpleNamespace(onset_wins=own) for own in wins]


def test_the_baseline_is_averaged_over_the_onsets_of_all_clips():
    found = stop_figures(STOPS)
    assert found["shifted_onset_auc"] == pytest.approx(2.4 / 5)
    interval = ratio_interval([1.2, 0, 1.2], [2, 0, 3])
    assert found["intervals"]["shifted_onset_auc"] == pytest.approx(interval)
    assert stop_figures([[]]) == {"shifted_onset_auc": None, "intervals": {}}


def test_a_clips_difference_is_the_mean_over_its_seeds_less_the_baseline():
    assert clip_difference(seeds([0.9, 0.7], [0.5, 0.7]), STOPS[0]) == pytest.approx(0.1)
    assert clip_difference(seeds([], []), []) is None


def test_differences_are_averaged_over_clips_that_have_one_each_once():
    clips = [seeds([0.9, 0.9]), seeds([]), seeds([0.5, 0.5, 0.5])]
    found = differences({"steps 1": clips}, STOPS)["steps 1"]
    assert found["clips"] == 2 and found["mean"] == pytest.approx((0.3 + 0.1) / 2)
    assert found["interval"] == pytest.approx((0.1, 0.3))
    alone = differences({"steps 1": clips[:1]}, STOPS[:1])["steps 1"]
    assert alone["mean"] == pytest.approx(0.3)
    assert alone["interval"] is alone["interval_90"] is None
