"""Audio features per frame: levels in a few frequency bands, and their increases."""

from __future__ import annotations

from functools import lru_cache

import torch
from einops import rearrange
from torch import Tensor

from ... import rates

BANDS = 8
HOP, FFT = 400, 800  # samples; four hops per video frame
LOWEST, HIGHEST = 60.0, 16_000.0  # Hz
FLOOR_DB = -80.0  # lowest level, relative to a full-scale sine


def band_levels(waveform: Tensor) -> Tensor:  # (b c s), rates.HOP samples a frame -> (b t m) dB
    """Level per frame and band, averaged over the audio channels."""
    channels = waveform.shape[1]
    columns = torch.stft(
        rearrange(waveform.float(), "b c s -> (b c) s"),
        FFT,
        HOP,
        window=torch.hann_window(FFT, device=waveform.device),
        pad_mode="constant",
        return_complex=True,
    )
    # Columns are centred on the start of their hop, so the last one is beyond the last frame.
    power = columns[..., :-1].abs().square() * (4 / FFT) ** 2
    power = rearrange(power, "(b c) f (t n) -> b t c n f", c=channels, n=rates.HOP // HOP)
    bands = power.mean(dim=(2, 3)) @ _bands().to(power)
    return 10 * bands.clamp_min(10 ** (FLOOR_DB / 10)).log10()


def rises(levels: Tensor) -> Tensor:  # (b t m) -> (b t m) dB
    """Increase of each band from the previous frame; 0 for decreases and for the first frame."""
    return torch.cat([levels[:, :1], levels], dim=1).diff(dim=1).clamp_min(0)


@lru_cache(maxsize=1)
def _bands() -> Tensor:  # (f m): 1 where a bin belongs to a band
    bins = torch.fft.rfftfreq(FFT, 1 / rates.SAMPLE_RATE)
    edges = torch.logspace(*torch.tensor([LOWEST, HIGHEST]).log10().tolist(), BANDS + 1)
    inside = (bins[:, None] >= edges[:-1]) & (bins[:, None] < edges[1:])
    return inside.float()
