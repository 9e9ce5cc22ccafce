"""Shifted-onset AUC, against closed forms and against shifting the onsets one shift at a time."""

import pytest
import torch

from sr_core.evaluation.metrics.mel import log_mel
from sr_core.evaluation.metrics.onsets import find_onsets, onset_strength
from sr_core.evaluation.metrics.shifted_onsets import shifted_onset_wins
from sr_core.evaluation.metrics.sync import frame_rises

from ..conftest import bursts


def seconds(frames):
    return torch.tensor(frames, dtype=torch.float64) / 30


def clicks(frames, count):
    scores = torch.zeros(count)
    scores[list(frames)] = 1
    return scores


def auc(scores, frames):
    wins = shifted_onset_wins(scores, seconds(frames))
    assert len(wins) == len(frames)
    return sum(wins) / len(wins)


def noise(count, seed=0):
    return torch.rand(count, generator=torch.Generator().manual_seed(seed))


def one_shift_at_a_time(scores, frames):
    count, pairs = len(scores), []

    def at(frame):
        return max(float(scores[(frame + d) % count]) for d in (-1, 0, 1))

    for shift in range(15, count - 14):
        pairs += [(at(own), at(other + shift)) for own in frames for other in frames]
    return sum((own > other) + (own == other) / 2 for own, other in pairs) / len(pairs)


def test_clicks_at_the_onsets_win_over_all_shifts_that_meet_no_other_click():
    assert auc(clicks([30, 36], 90), [30, 36]) == 1  # no shift of 15 frames or more meets one
    train = [20, 41, 75, 133, 170, 220]
    ties = sum(
        any((a + s - b) % 300 in (299, 0, 1, 298, 2) for b in train if b != a)
        for a in train
        for s in range(15, 286)
    )
    assert auc(clicks(train, 300), train) >= 1 - ties / (2 * 6 * 271) > 0.95


@pytest.mark.parametrize("shift", [4, 10, 40])
def test_a_shifted_copy_scores_below(shift):
    train = [20, 41, 75, 133, 170, 220]
    assert auc(clicks([frame + shift for frame in train], 300), train) < 0.55
    assert auc(clicks([frame + 1 for frame in train], 300), train) > 0.95  # within a frame


def test_the_result_is_that_of_shifting_the_onsets_one_shift_at_a_time():
    for seed, frames in enumerate([[3, 50], [0, 3, 6, 61, 89], [10, 24, 25, 26, 70]]):
        scores = (8 * noise(90, seed)).floor()  # with ties
        assert auc(scores, frames) == pytest.approx(one_shift_at_a_time(scores, frames), abs=1e-12)


@pytest.mark.parametrize("frames", [[5, 31], [3, 6, 9, 12, 80], list(range(0, 90, 4))])
def test_density_and_rhythm_cancel_over_all_rotations(frames):
    """Of scores with gaps, ties and a decay, which other comparisons would prefer."""
    scores = clicks([0, 1, 2, 20, 21, 40], 90) * (3 * noise(90)).ceil() + torch.arange(90) // 30
    values = [auc(scores.roll(turn), frames) for turn in range(90)]
    assert sum(values) / 90 == pytest.approx(0.5, abs=1e-12)


def test_clicks_so_regular_that_their_shifts_coincide_tie():
    assert auc(clicks(range(0, 90, 3), 90), list(range(0, 90, 3))) == 0.5
    every = list(range(0, 120, 15))  # 3 of 15 shifts coincide; all but those near 0 are counted
    shifts = range(15, 106)
    same = sum(shift % 15 in (14, 0, 1, 2, 13) for shift in shifts)
    assert auc(clicks(every, 120), every) > 1 - same / 2 / len(shifts)


def test_a_dense_sound_gains_nothing_from_its_density():
    onsets = [20, 41, 75, 133, 170, 220]
    sparse, dense = (
        [auc((noise(300, n) < share).float(), onsets) for n in range(300)] for share in (0.02, 0.5)
    )
    for values in (sparse, dense):
        assert sum(values) / 300 == pytest.approx(0.5, abs=0.02)


def test_a_constant_ties_with_itself():
    assert auc(torch.full((90,), 3.0), [10, 50]) == 0.5


def test_one_onset_or_less_than_two_seconds_have_none():
    assert shifted_onset_wins(noise(90), seconds([30])) == []
    assert shifted_onset_wins(noise(59), seconds([10, 30])) == []
    assert len(shifted_onset_wins(noise(60), seconds([10, 30]))) == 2


@pytest.mark.torchaudio
def test_a_sound_stands_out_at_its_own_onsets_and_a_late_one_does_not():
    waveform = bursts([0.4, 1.3, 2.1, 2.6, 3.6], 5.0)

    def of(sound):
        strength = onset_strength(log_mel(sound))
        wins = shifted_onset_wins(frame_rises(strength), onsets)
        return sum(wins) / len(wins)

    onsets = find_onsets(onset_strength(log_mel(waveform)))
    assert len(onsets) == 5 and of(waveform) > 0.9
    assert of(waveform.roll(9600, dims=1)) < 0.8  # 200 ms: meets none of them
    assert of(torch.zeros_like(waveform)) == 0.5
