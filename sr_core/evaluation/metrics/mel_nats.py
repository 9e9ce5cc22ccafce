"""Log-mel spectrograms in nats: magnitudes of the channel mean in 48 bands, 120 columns a second.

Their mean absolute difference is the metric "log-mel, nats", their standard deviation over time
the metric "spread". The spectrograms in dB of `mel.py` serve the other metrics.
"""

from __future__ import annotations

import torch
from einops import reduce
from torch import Tensor

from ...audio.mel import mel_bank
from ...rates import SAMPLE_RATE

POINTS = 2048  # samples: Hann window and FFT
HOP = 400  # samples
BANDS = 48
LOWEST_HZ, HIGHEST_HZ = 60.0, 12_000.0
OFFSET = 1e-5  # added to every band before the logarithm


def log_mel_nats(waveform: Tensor) -> Tensor:  # (c s) -> (m t), t = 1 + ceil(s / HOP)
    """ln(m + 1e-5) of the magnitudes m in triangular mel bands of height 1.

    The magnitudes are those of `scipy.signal.stft` with its defaults ("spectrum" scaling: divided
    by the sum of the window; zeros beyond both ends): a sine of amplitude 1 has the magnitude 0.5.
    """
    mono = reduce(waveform.float(), "c s -> s", "mean")
    whole = torch.nn.functional.pad(mono, (0, -len(mono) % HOP))
    window = torch.hann_window(POINTS, device=whole.device)
    spectrum = torch.stft(
        whole, POINTS, HOP, window=window, pad_mode="constant", return_complex=True
    )
    magnitudes = spectrum.abs() / window.sum()
    bank = mel_bank(POINTS, BANDS, SAMPLE_RATE, LOWEST_HZ, HIGHEST_HZ).to(magnitudes)
    return (bank @ magnitudes + OFFSET).log()
