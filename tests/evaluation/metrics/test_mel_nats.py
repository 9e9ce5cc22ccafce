"""The log-mel in nats, against closed forms and against scipy's transform."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import stft

from sr_core.evaluation.metrics.distances import mel_distance, mel_spread
from sr_core.evaluation.metrics.mel_nats import log_mel_nats

pytestmark = pytest.mark.torchaudio

SECOND = torch.arange(48_000, dtype=torch.float64) / 48_000
BIN_HZ = 48_000 / 2048


def noise(samples=48_000, seed=0):
    return 0.3 * torch.randn(2, samples, generator=torch.Generator().manual_seed(seed))


def triangles():  # -> (48 1025), by 2595 log10(1 + f / 700)
    low, high = (2595 * math.log10(1 + f / 700) for f in (60.0, 12_000.0))
    corners = 700 * (10 ** (np.linspace(low, high, 50) / 2595) - 1)
    below, centre, above = (corners[i : 48 + i, None] for i in range(3))
    frequencies = np.arange(1025) * BIN_HZ
    rising, falling = (frequencies - below) / (centre - below), (above - frequencies)
    return np.minimum(rising, falling / (above - centre)).clip(0)


@pytest.mark.parametrize("samples", [48_000, 48_001, 47_999, 2049])
def test_the_log_mel_is_that_of_scipys_transform(samples):
    waveform = noise(samples) * torch.linspace(0, 1, samples)
    mono = waveform.double().mean(0).numpy()
    _, _, spectrum = stft(mono, window="hann", nperseg=2048, noverlap=2048 - 400)
    expected = np.log(triangles() @ np.abs(spectrum) + 1e-5)
    found = log_mel_nats(waveform)
    assert found.shape == expected.shape == (48, 1 + -(-samples // 400))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-3)


def test_a_sine_of_a_known_amplitude_has_half_of_it_in_its_bin_and_a_quarter_beside_it():
    for place, amplitude in ((40, 1.0), (170, 0.02)):
        sine = amplitude * torch.sin(2 * math.pi * place * BIN_HZ * SECOND)
        beside = triangles()[:, place - 1 : place + 2] @ np.array([0.25, 0.5, 0.25])
        expected = np.log(amplitude * beside + 1e-5)
        found = log_mel_nats(sine.repeat(2, 1))[:, 60]
        near = beside > 0.01
        assert near.sum() in (1, 2)
        np.testing.assert_allclose(found[near], expected[near], atol=2e-3)
        np.testing.assert_allclose(found[~near], expected[~near], atol=0.1)  # rounding errors


def test_silence_and_channels_in_opposite_phase_have_the_offset_alone():
    opposite = noise()[:1] * torch.tensor([[1.0], [-1.0]])
    for waveform in (torch.zeros(2, 48_000), opposite):
        found = log_mel_nats(waveform)
        assert torch.allclose(found, torch.tensor(math.log(1e-5)), atol=1e-4)
        assert mel_spread(found) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("gain", [2.0, 0.25])
def test_the_distance_of_a_gain_is_its_natural_logarithm(gain):
    found = mel_distance(log_mel_nats(gain * noise()), log_mel_nats(noise()))
    assert found == pytest.approx(abs(math.log(gain)), abs=5e-3)


def test_the_spread_of_two_levels_is_half_their_difference_in_nats():
    """Long steady sines, one after the other; 5 of 1201 columns are between them."""
    steady = torch.sin(2 * math.pi * 170 * BIN_HZ * torch.arange(240_000).double() / 48_000)
    mel = log_mel_nats(torch.cat([0.5 * steady, 0.05 * steady]).repeat(2, 1))[:, 3:-3]
    loudest = mel[mel.mean(dim=1).argmax()][None]
    assert mel_spread(loudest) == pytest.approx(math.log(10) / 2, abs=0.01)
    assert mel_spread(torch.tensor([[0.0, 0, 2, 2], [1, 1, 1, 1]])) == 0.5  # not over n - 1
