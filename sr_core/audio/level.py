"""Level of a latent: measured by the encoder, restored by the decoder.

Gain and shape are coded apart, as in CELT (Valin et al., "A High-Quality Speech and Audio Codec
With Less Than 10 ms Delay", 2010, sec. III): the networks see and predict spectra of no level.
"""

from __future__ import annotations

import math

import torch
from einops import reduce
from torch import Tensor

FLOOR = 1e-4  # RMS of the softest level, -80 dB
USUAL = math.log(10 ** (-25 / 20))  # log level that the encoder's networks see at any level
LOUDEST = 2.0  # largest log level that is decoded: 17 dB above full scale
LOG_VARIANCE = -14.0  # of the posterior of a measured level: 0.008 dB


def log_level(waveform: Tensor, hop: int) -> Tensor:  # (b c s) -> (b t)
    """Natural logarithm of the RMS over all channels and the `hop` samples of a latent."""
    power = reduce(waveform.square(), "b c (t s) -> b t", "mean", s=hop)
    return 0.5 * (power + FLOOR**2).log()


def with_level(moments: Tensor, level: Tensor) -> Tensor:  # (b t 2k-2), (b t) -> (b t 2k)
    """Means and log-variances of latents -> the same after those of the level."""
    mean, log_variance = moments.chunk(2, dim=-1)
    level = level[..., None].to(moments)
    return torch.cat([level, mean, torch.full_like(level, LOG_VARIANCE), log_variance], dim=-1)


def power_to_usual(level: Tensor) -> Tensor:
    """Factor of power with which a sound of a log level has the usual one."""
    return (2 * (USUAL - level)).exp()


def rms_of(level: Tensor) -> Tensor:
    """RMS of a log level: the inverse of `log_level`, 0 at its floor, where its gradient is 0."""
    power = (2 * level.clamp(max=LOUDEST)).exp() - FLOOR**2
    return torch.where(power > 0, power, 1).sqrt() * (power > 0)
