"""Log-mel spectrograms in dB with 120 columns per second (4 per video frame), for most metrics."""

from __future__ import annotations

import torch
from einops import reduce
from torch import Tensor

from ...audio.mel import mel_bank
from ...rates import SAMPLE_RATE

WINDOW = 1024  # samples: 21 ms, short enough to place an onset
POINTS = 2048  # FFT size in samples: large enough for bins in the narrowest band
HOP = 400  # samples
MEL_RATE = SAMPLE_RATE // HOP  # Hz
BANDS = 64
FLOOR_DB = -70.0  # lowest level, relative to a sine at full scale


def log_mel(waveform: Tensor) -> Tensor:  # (c s) -> (m t), t = 1 + s // HOP
    """Power in mel bands in dB, averaged over channels; column n is centred on sample n * HOP.

    A sine at full scale gives 0 dB at the peak of its band. Raises ValueError for a wrong shape.
    """
    if waveform.dim() != 2 or waveform.shape[-1] == 0:
        raise ValueError(f"got a waveform {tuple(waveform.shape)}; expected (c s), s > 0")
    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(
        waveform.float(),
        POINTS,
        HOP,
        WINDOW,
        window,
        pad_mode="constant",
        return_complex=True,
    )
    power = reduce((spectrum.abs() * 2 / window.sum()).square(), "c f t -> f t", "mean")
    levels = mel_bank(POINTS, BANDS, SAMPLE_RATE) @ power
    return 10 * levels.clamp_min(10 ** (FLOOR_DB / 10)).log10()
