import math

import pytest
import torch

from sr_core.audio.mel import HIGHEST_HZ, LOWEST_HZ, mel_bank
from sr_core.evaluation.metrics import mel as module
from sr_core.evaluation.metrics.mel import BANDS, FLOOR_DB, HOP, POINTS, log_mel
from sr_core.rates import SAMPLE_RATE

from ..conftest import bursts

pytestmark = pytest.mark.torchaudio

SECOND = torch.arange(SAMPLE_RATE) / SAMPLE_RATE


def test_a_sine_at_full_scale_has_about_0_db_in_its_band_and_silence_the_floor():
    mel = log_mel(torch.sin(2 * math.pi * 1000 * SECOND)[None])
    peak = mel[:, 60].max()
    assert -3 < peak < 3  # a band's peak lies between two points of the transform
    assert mel[-1, 60] == FLOOR_DB
    assert (log_mel(torch.zeros(2, 4800)) == FLOOR_DB).all()


def test_a_gain_moves_every_audible_band_by_as_many_db():
    waveform = torch.randn(2, SAMPLE_RATE, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(log_mel(waveform) - log_mel(waveform / 10), torch.tensor(20.0), atol=1e-3)


def test_every_band_hears_something_and_columns_come_at_120_hz():
    assert (mel_bank(POINTS, BANDS, SAMPLE_RATE).sum(1) > 1).all()
    assert log_mel(torch.zeros(1, 48_000)).shape == (64, 1 + 48_000 // HOP)


def test_channels_in_opposite_phase_do_not_cancel():
    sine = torch.sin(2 * math.pi * 500 * SECOND)
    assert torch.equal(log_mel(torch.stack([sine, -sine])), log_mel(torch.stack([sine, sine])))


def triangles(points, bands, sample_rate):
    """The filterbank by its formula, of which torchaudio's took the place."""
    low, high = (2595 * math.log10(1 + f / 700) for f in (LOWEST_HZ, HIGHEST_HZ))
    mels = torch.linspace(low, high, bands + 2, dtype=torch.float64)
    corners = 700 * (10 ** (mels / 2595) - 1)
    below, centre, above = (corners[i : bands + i, None] for i in range(3))
    frequencies = torch.linspace(0, sample_rate / 2, points // 2 + 1, dtype=torch.float64)
    rising, falling = (frequencies - below) / (centre - below), (above - frequencies)
    return torch.minimum(rising, falling / (above - centre)).clamp_min(0)


@pytest.mark.parametrize("points", [2048, 512, 128, 64, 32])
def test_the_filterbank_is_that_of_the_formula(points):
    """Evaluation's, and those of the energy loss: a band for 32 samples."""
    bands = points // 32
    assert (mel_bank(points, bands, 48_000) - triangles(points, bands, 48_000)).abs().max() < 1e-5


def test_published_levels_do_not_move_with_the_filterbank(monkeypatch):
    waveform = bursts([0.3, 0.9, 1.4], 2.0)
    found = log_mel(waveform)
    monkeypatch.setattr(module, "mel_bank", lambda *sizes: triangles(*sizes).float())
    torch.testing.assert_close(found, log_mel(waveform), rtol=0, atol=1e-3)  # dB


def test_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="expected"):
        log_mel(torch.zeros(1, 2, 4800))
