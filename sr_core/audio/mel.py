"""Mel filterbank: triangular bands of equal width on the mel scale."""

from __future__ import annotations

from functools import lru_cache

import torch
from einops import rearrange
from torch import Tensor

LOWEST_HZ, HIGHEST_HZ = 40.0, 16_000.0


@lru_cache
def mel_bank(points: int, bands: int, sample_rate: int) -> Tensor:  # -> (m f)
    """Weights of the bins of a Fourier transform of so many points.

    Triangles of height 1, evenly spaced on the scale 2595 log10(1 + f / 700).
    """
    ends = 2595 * torch.tensor([LOWEST_HZ, HIGHEST_HZ]).div(700).log1p() / torch.tensor(10.0).log()
    mels = torch.linspace(float(ends[0]), float(ends[1]), bands + 2)
    corners = 700 * (10 ** (mels / 2595) - 1)
    frequencies = torch.linspace(0, sample_rate / 2, points // 2 + 1)
    corners = rearrange(corners, "m -> m 1")
    low, centre, high = corners[:-2], corners[1:-1], corners[2:]
    rising = (frequencies - low) / (centre - low)
    falling = (high - frequencies) / (high - centre)
    return torch.minimum(rising, falling).clamp_min(0)
