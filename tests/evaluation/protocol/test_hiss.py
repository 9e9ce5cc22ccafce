"""The constant baseline, on sounds whose medians are known."""

import math

import pytest
import torch

from sr_core.evaluation.metrics.clip_metrics import analyse
from sr_core.evaluation.protocol.hiss import (
    Constants,
    HissScores,
    constants_of,
    hiss_figures,
    hiss_of,
    score_hiss,
)

pytestmark = pytest.mark.torchaudio

SINE = torch.sin(2 * math.pi * 4000 * torch.arange(240_000).double() / 48_000)
SINE = SINE.float().repeat(2, 1)


def scored(hiss, waveform):
    return score_hiss(hiss, analyse(waveform, lambda x: x.mean(-1)))


def test_a_steady_sound_is_its_own_hiss():
    found = scored(hiss_of([constants_of(0.1 * SINE)]), 0.1 * SINE)
    assert found.frame_level_difference_db == pytest.approx(0, abs=1e-3)
    assert found.mel_nats < 0.1 and found.mel_db < 1 and found.silent_share == 0


def test_a_hiss_of_half_the_amplitude_is_six_decibels_and_the_logarithm_of_two_below():
    noise = 0.1 * torch.randn(2, 48_000, generator=torch.Generator().manual_seed(0))
    hiss = constants_of(noise)
    near, far = scored(hiss, noise), scored(hiss, 100 * noise)
    assert scored(hiss, 2 * noise).frame_level_difference_db == pytest.approx(-6.02, abs=0.05)
    assert far.mel_nats == pytest.approx(math.log(100), abs=0.05) and near.mel_nats < 0.8


def test_the_hiss_of_clips_that_are_mostly_silent_is_silent():
    waveform = torch.cat([0.1 * SINE, torch.zeros(2, 480_000)], dim=1)
    found = scored(hiss_of([constants_of(waveform)]), waveform)
    assert found.silent_share == 1
    level = 20 * math.log10(0.1) - 10 * math.log10(2)
    assert found.frame_level_difference_db == pytest.approx(-(level + 60) / 3, abs=0.01)


def test_the_hiss_of_a_group_is_the_median_of_its_clips():
    def constant(value):
        return Constants(*(torch.full(shape, value) for shape in ((64, 1), (48, 1), (1,))))

    for values, expected in (((1.0, 2.0, 9.0), 2.0), ((1.0, 2.0, 4.0, 9.0), 3.0)):
        assert all((x == expected).all() for x in hiss_of([constant(v) for v in values]))


def test_figures_of_the_hiss_are_means_over_clips_with_intervals():
    scores = [HissScores(0.0, -2.0, 1.0, 6.0), HissScores(1.0, 4.0, 3.0, 8.0)]
    figures = hiss_figures(scores)
    assert figures["silent_share"] == 0.5 and figures["frame_level_difference_db"] == 1
    assert figures["mel_nats"] == 2 and figures["mel_db"] == 7 and figures["spread_ratio"] == 0
    assert figures["intervals"]["mel_nats"] == (1, 3)
    assert hiss_figures(scores[:1])["intervals"] == {}
