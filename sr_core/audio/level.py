"""Level of a latent: measured by the encoder, restored by the decoder.

Gain and shape are coded apart, as in CELT (Valin et al., "A High-Quality Speech and Audio Codec
With Less Than 10 ms Delay", 2010, sec. III): the networks see and predict spectra of no level.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange, reduce
from torch import Tensor

FLOOR = 1e-4  # RMS of the softest level, -80 dB
USUAL = math.log(10 ** (-25 / 20))  # log level that the encoder's networks see at any level
LOUDEST = 2.0  # largest log level that is decoded: 17 dB above full scale
TAIL_SHARE = 0.5  # largest share of a latent's power that the tail of the last one may have
LOG_VARIANCE = -14.0  # of the posterior of a measured level: 0.008 dB
TINY = 1e-20  # smallest square of a root, so that its gradient is finite


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


def power_of(level: Tensor) -> Tensor:
    """Mean square of a log level: the inverse of `log_level`, 0 at its floor."""
    return ((2 * level.clamp(max=LOUDEST)).exp() - FLOOR**2).clamp_min(0)


def levelled(
    frames: Tensor, power: Tensor, tail: Tensor, gain: Tensor
) -> tuple[Tensor, Tensor, Tensor]:  # (b c t*f n) (b t) (b c n/2) (b) -> (b c s) (b c n/2) (b)
    """Overlap-add of windowed frames with a gain per latent, so that its samples have its power.

    A latent's samples are its f frames without the last half, and the first `tail`: the last half
    of the frame before, which keeps the `gain` of its own latent. Returns the samples, and the tail
    and gain of the last latent. The power is exact unless the tail is louder than TAIL_SHARE of
    it; such a tail, after a sudden end, is made softer.
    """
    frames = rearrange(frames, "b c (t f) n -> b c t f n", t=power.shape[1])
    rising, falling = frames.chunk(2, dim=-1)
    tails = torch.cat([tail[:, :, None], falling[:, :, :-1, -1]], dim=2)
    own = torch.cat([rising[:, :, :, :1], rising[:, :, :, 1:] + falling[:, :, :, :-1]], dim=3)
    count = own[0, :, 0].numel()
    products = own.square(), own[:, :, :, 0] * tails, tails.square()
    sums = (reduce(x, "b c t ... -> b t", "sum") / count for x in products)
    gains, tail_gains = _gains(*sums, power, gain)
    own = own * rearrange(gains, "b t -> b 1 t 1 1")
    first = own[:, :, :, :1] + (tails * rearrange(tail_gains, "b t -> b 1 t 1"))[:, :, :, None]
    samples = torch.cat([first, own[:, :, :, 1:]], dim=3)
    return rearrange(samples, "b c t f n -> b c (t f n)"), falling[:, :, -1, -1], gains[:, -1]


def _gains(
    own: Tensor, cross: Tensor, tails: Tensor, power: Tensor, gain: Tensor
) -> tuple[Tensor, Tensor]:  # 4 x (b t), (b) -> 2 x (b t)
    """Gains g of latents and q of their tails: g^2 own + 2 g q cross + q^2 tails = power."""
    gains, tail_gains = [], []
    for a, b, c, p in zip(*(x.unbind(1) for x in (own, cross, tails, power)), strict=True):
        with torch.no_grad():
            limit = (TAIL_SHARE * p / (c * gain.square()).clamp_min(TINY)).sqrt().clamp(max=1)
        q = gain * limit
        b, c = q * b, q.square() * c
        gain = ((b.square() + a * (p - c)).clamp_min(TINY).sqrt() - b) / (a + TINY**0.5)
        gains.append(gain)
        tail_gains.append(q)
    return torch.stack(gains, dim=1), torch.stack(tail_gains, dim=1)
