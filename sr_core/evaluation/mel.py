"""Log-mel spectrograms in dB at 120 Hz, four for every video frame; the ear of most measures."""

from __future__ import annotations

from functools import lru_cache

import torch
from einops import rearrange, reduce
from torch import Tensor

SAMPLE_RATE = 48_000  # Hz, of every waveform that is measured
WINDOW = 1024  # samples: 21 ms, short enough to place an onset
POINTS = 2048  # of the Fourier transform, so that even the narrowest band has some
HOP = 400  # samples
MEL_RATE = SAMPLE_RATE // HOP  # Hz
BANDS = 64
LOWEST_HZ, HIGHEST_HZ = 40.0, 16_000.0
FLOOR_DB = -70.0  # relative to a sine at full scale; what is below is silence


def log_mel(waveform: Tensor) -> Tensor:  # (c s) -> (m t), t = 1 + s // HOP
    """Power in mel bands in dB, the channels' mean; column n is centred on sample n * HOP.

    A sine at full scale has 0 dB at the peak of its band. Raises ValueError for a wrong shape.
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
    return 10 * (mel_bank() @ power).clamp_min(10 ** (FLOOR_DB / 10)).log10()


@lru_cache
def mel_bank(points: int = POINTS, bands: int = BANDS) -> Tensor:  # -> (m f)
    """Triangles of height 1, evenly spaced on the scale 2595 log10(1 + f / 700)."""
    ends = 2595 * torch.tensor([LOWEST_HZ, HIGHEST_HZ]).div(700).log1p() / torch.tensor(10.0).log()
    mels = torch.linspace(float(ends[0]), float(ends[1]), bands + 2)
    corners = 700 * (10 ** (mels / 2595) - 1)
    frequencies = torch.linspace(0, SAMPLE_RATE / 2, points // 2 + 1)
    corners = rearrange(corners, "m -> m 1")
    low, centre, high = corners[:-2], corners[1:-1], corners[2:]
    rising = (frequencies - low) / (centre - low)
    falling = (high - frequencies) / (high - centre)
    return torch.minimum(rising, falling).clamp_min(0)
