import pytest
import torch

from sr_core.evaluation.metrics.mel import log_mel
from sr_core.evaluation.metrics.onsets import onset_strength
from sr_core.evaluation.metrics.sync import score_shots

from ..conftest import bursts

SHOTS = [0.5, 1.2, 1.9, 2.5]


def strength_of(times, seconds=3.0):
    return onset_strength(log_mel(bursts(times, seconds)))


@pytest.mark.torchaudio
def test_sound_at_every_shot_wins_over_all_other_moments():
    scores = score_shots(strength_of(SHOTS), SHOTS)
    assert min(scores.wins) > 0.97 and scores.hits == [True] * 4


@pytest.mark.torchaudio
def test_sound_elsewhere_does_not():
    scores = score_shots(strength_of([shot + 0.13 for shot in SHOTS]), SHOTS)
    assert max(scores.wins) < 0.9 and scores.hits == [False] * 4


@pytest.mark.torchaudio
def test_shots_close_to_each_other_are_left_out():
    assert len(score_shots(strength_of(SHOTS), [0.5, 0.6, 1.9]).wins) == 1


def test_noise_is_at_chance():
    generator = torch.Generator().manual_seed(3)
    scores = [
        score_shots(torch.rand(1201, generator=generator), [n / 2 + 0.1 for n in range(19)])
        for _ in range(20)
    ]
    wins = torch.tensor([win for score in scores for win in score.wins])
    hits = torch.tensor([hit for score in scores for hit in score.hits]).float()
    assert abs(wins.mean() - 0.5) < 0.06
    assert abs(hits.mean() - 5 / 11) < 0.08


def test_a_constant_ties_with_itself():
    assert set(score_shots(torch.zeros(361), SHOTS).wins) == {0.5}


def test_without_shots_there_are_no_scores():
    assert score_shots(torch.zeros(361), []) == ([], [])
    assert score_shots(torch.zeros(361), [7.0]) == ([], [])
