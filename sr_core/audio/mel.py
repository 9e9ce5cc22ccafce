"""Mel filterbank: triangular bands of equal width on the mel scale."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from .torchaudio_loader import load_torchaudio

LOWEST_HZ, HIGHEST_HZ = 40.0, 16_000.0


@lru_cache
def mel_bank(
    points: int,
    bands: int,
    sample_rate: int,
    lowest_hz: float = LOWEST_HZ,
    highest_hz: float = HIGHEST_HZ,
) -> Tensor:  # -> (m f)
    """Filterbank weights for an FFT of `points` samples.

    Triangles of height 1, evenly spaced on the HTK mel scale 2595 log10(1 + f / 700).
    Cached for each set of arguments; needs torchaudio.
    """
    weights = load_torchaudio().functional.melscale_fbanks(
        points // 2 + 1, lowest_hz, highest_hz, bands, sample_rate, norm=None, mel_scale="htk"
    )
    return weights.T.contiguous()
