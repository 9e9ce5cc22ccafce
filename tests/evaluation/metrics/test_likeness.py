"""Near or far, also where a sound has no onsets to be judged by."""

import pytest
import torch

from sr_core.evaluation.metrics.likeness import (
    HISS,
    OTHER_PART,
    SILENCE,
    cell_distance_db,
    likeness,
)

pytestmark = pytest.mark.torchaudio

SAMPLES = 4 * 48_000


def wind(seed, gain=0.05, gusts=0.0):
    """Noise that falls with frequency, in gusts of so many dB."""
    generator = torch.Generator().manual_seed(seed)
    spectrum = torch.fft.rfft(torch.randn(2, SAMPLES, generator=generator))
    falling = 1 / (1 + torch.linspace(0, 24_000, spectrum.shape[-1]) / 300)
    noise = torch.fft.irfft(spectrum * falling, SAMPLES)
    swell = torch.sin(torch.linspace(0, 9, SAMPLES)) * gusts / 20
    return noise / noise.std() * gain * 10**swell


@pytest.mark.parametrize("gusts", [0, 6])
def test_another_draw_of_a_steady_sound_is_like_it(gusts):
    own = wind(0, gusts=gusts)
    found = likeness(wind(1, gusts=gusts), own)
    assert found.is_like and found.distance < 2
    assert likeness(wind(1, 0.06, gusts), own).is_like  # 1.6 dB louder


@pytest.mark.parametrize("gusts", [0, 6])
def test_what_is_not_the_wind_is_not_like_it(gusts):
    own = wind(0, gusts=gusts)
    flat = torch.randn(2, SAMPLES, generator=torch.Generator().manual_seed(1)) * 0.05
    hum = 0.1 * torch.sin(torch.arange(SAMPLES) * 0.02).repeat(2, 1)
    for sound in (torch.zeros_like(own), flat, hum, wind(1, 0.2, gusts), wind(1, 0.01, gusts)):
        assert not likeness(sound, own).is_like


def test_baselines_of_a_steady_sound_are_near_it_but_for_silence():
    found = likeness(wind(1), wind(0))
    assert found.baselines[HISS] < found.floor + 1 > found.baselines[OTHER_PART]
    assert found.baselines[SILENCE] > 20 and "silence" in str(found)


def test_the_distance_of_a_sound_twice_as_loud_is_six_decibels():
    assert cell_distance_db(2 * wind(0, 0.2), wind(0, 0.2)) == pytest.approx(6.02, abs=0.3)
    assert cell_distance_db(wind(0), wind(0)) == 0
