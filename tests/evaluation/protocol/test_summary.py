"""Summaries of scores: the four metrics of level and spectrum, and means over seeds."""

import math
from dataclasses import replace

import pytest
import torch

from sr_core.evaluation.metrics.clip_metrics import analyse, score
from sr_core.evaluation.protocol.intervals import ratio_interval
from sr_core.evaluation.protocol.summary import LINES, summarise

pytestmark = pytest.mark.torchaudio

SINE = torch.sin(2 * math.pi * 1000 * torch.arange(48_000) / 48_000).repeat(2, 1)


def scores(waveform, reference):
    def embed(x):
        return x.mean(-1)

    return score(analyse(waveform, embed), analyse(reference, embed), None)


def test_the_table_begins_with_level_and_spectrum():
    assert [line.words for line in LINES][:4] == [
        "silent frames",
        "level, dB",
        "log-mel, nats",
        "spread",
    ]
    assert len({line.words for line in LINES}) == len({line.key for line in LINES}) == len(LINES)


def test_twice_the_amplitude_is_six_decibels_and_the_logarithm_of_two():
    noise = 0.1 * torch.randn(2, 48_000, generator=torch.Generator().manual_seed(0))
    found = summarise([[scores(2 * noise, noise)]])
    assert found["frame_level_difference_db"] == pytest.approx(20 * math.log10(2), abs=1e-4)
    assert found["mel_nats"] == pytest.approx(math.log(2), abs=5e-3)
    assert found["spread_ratio"] == pytest.approx(1, abs=5e-3) and found["silent_share"] == 0


def test_silence_has_the_floor_of_every_frame_no_spread_and_only_silent_frames():
    reference = torch.cat([0.1 * SINE, 0.01 * SINE], dim=1)
    found = summarise([[scores(torch.zeros_like(reference), reference)]])
    # A sine has half the power of its peak; the frames' dB are averaged, not their power.
    level = (-20 - 40) / 2 - 10 * math.log10(2)
    assert found["frame_level_difference_db"] == pytest.approx(-60 - level, abs=1e-3)
    assert found["silent_share"] == 1 and found["spread_ratio"] == pytest.approx(0, abs=1e-4)
    half = summarise([[scores(torch.cat([SINE, 0 * SINE], dim=1), reference)]])
    assert half["silent_share"] == 0.5


def test_the_spread_is_that_of_all_clips_over_that_of_their_references():
    one = scores(SINE, SINE)
    clips = [
        [replace(one, spread_nats=1.0, reference_spread_nats=2.0)],
        [replace(one, spread_nats=1.0, reference_spread_nats=0.5)],
    ]
    assert summarise(clips)["spread_ratio"] == pytest.approx(2 / 2.5)


def test_a_clip_counts_once_with_the_mean_over_its_seeds():
    one = scores(SINE, SINE)
    values = [[1.0, 3.0], [5.0, 9.0], [4.0]]
    clips = [[replace(one, mel_nats=v, envelope_r=None) for v in seeds] for seeds in values]
    clips[0][1] = replace(clips[0][1], envelope_r=0.5)
    found = summarise(clips)
    assert found["mel_nats"] == pytest.approx((2 + 7 + 4) / 3)
    assert found["intervals"]["mel_nats"] == ratio_interval([2, 7, 4], [1, 1, 1])
    assert found["envelope_r"] == 0.5  # None is left out


def test_counts_are_pooled_after_the_mean_over_seeds():
    one = scores(SINE, SINE)
    clips = [
        [replace(one, matched=m, found=f, wanted=4) for m, f in seeds]
        for seeds in ([(2, 4), (4, 4)], [(0, 2), (1, 6)])
    ]
    assert summarise(clips)["onset_f1"] == pytest.approx(2 * (3 + 0.5) / (4 + 4 + 4 + 4))
