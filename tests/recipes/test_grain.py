import pytest
import torch

from recipes.freedoom.grain import as_noise, figures, words
from sr_core.evaluation.metrics.loudness import level_db


def noise(samples: int = 48_000) -> torch.Tensor:
    return 0.1 * torch.randn(2, samples, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("smoothing", [(1, 1), (3, 4)])
def test_the_same_noise_comes_back_as_loud_and_is_another(smoothing):
    real = noise()
    made = as_noise(real, smoothing, torch.Generator().manual_seed(0))
    assert made.shape == real.shape and level_db(made) == pytest.approx(level_db(real), abs=1e-3)
    assert torch.corrcoef(torch.stack([made[0], real[0]]))[0, 1].abs() < 0.05


def test_what_is_silent_in_one_ear_stays_silent():
    real = noise()
    real[1] = 0
    assert as_noise(real, (3, 4), torch.Generator().manual_seed(0))[1].abs().max() == 0


@pytest.mark.torchaudio
def test_a_tone_smoothed_is_farther_from_itself_than_one_whose_bins_are_known():
    time = torch.arange(48_000) / 48_000
    tone = 0.1 * (2 * torch.pi * 440 * time).sin().expand(2, -1)
    known, smoothed = figures([tone], (1, 1)), figures([tone], (3, 4))
    assert known[0] < smoothed[0] and known[1] < smoothed[1]


def test_the_table_says_what_was_known():
    assert words((1, 1)) == "exactly, phases are random" and words((3, 4)) == "over 180 Hz x 33 ms"
