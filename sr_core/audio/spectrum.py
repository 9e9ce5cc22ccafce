"""Short-time spectra: windows, overlap-add, and what a spectral decoder predicts.

It predicts sound, noise with a level per bin, and tones with a magnitude per bin.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange, reduce
from torch import Tensor

OUTPUTS = 9  # numbers that the decoder predicts per frame and bin without tones, see `mix`
TONES = 2  # further ones: the magnitude of tones, left and right
NOISES = 2  # independent noises per frame: one with a level per channel, one in opposite phase
NOISE_OFFSET = 3.0  # subtracted from predicted log noise levels, so that training starts soft


def mix(  # (b t n*f), ([b] t noises f 2), (b t f 2) -> (b t c f 2)
    x: Tensor, noise: Tensor | None, phasors: Tensor | None = None
) -> Tensor:
    """Decoder outputs -> real and imaginary parts of the spectra of left and right.

    A predicted magnitude times a predicted complex number covers both loud and soft sounds. Noise
    has a predicted magnitude, and so have tones, whose `phasors` are those of both channels.
    """
    x = rearrange(x, "b t (n f) -> b t n f", n=OUTPUTS if phasors is None else OUTPUTS + TONES)
    size, real, imaginary, panned, opposed, tones = x.split([2, 2, 2, 2, 1, x.shape[2] - 9], dim=2)
    sound = torch.stack([real, imaginary], dim=-1) * size.clamp(max=8).exp()[..., None]
    if phasors is not None:
        sound = sound + _tone_magnitude(tones)[..., None] * phasors[:, :, None]
    if noise is None:
        return sound
    first, second = noise.split(1, dim=-3)
    panned, opposed = _noise_magnitude(panned), _noise_magnitude(opposed)
    opposed = torch.cat([opposed, -opposed], dim=2)
    return sound + panned[..., None] * first + opposed[..., None] * second


def power_in_bins(x: Tensor, outputs: int) -> Tensor:  # (b t n*f) -> (b t f)
    """Expected power that decoder outputs predict, of all parts and both channels.

    Tones count twice: overlapping frames of a tone add in phase, those of noise do not.
    """
    x = rearrange(x, "b t (n f) -> b t n f", n=outputs)
    size, real, imaginary, panned, opposed, tones = x.split([2, 2, 2, 2, 1, outputs - 9], dim=2)
    sound = (real.square() + imaginary.square()) * (2 * size.clamp(max=8)).exp()
    # The power of `phases` is 2; noise in opposite phase is in both channels.
    panned, opposed = 2 * _noise_magnitude(panned).square(), 4 * _noise_magnitude(opposed).square()
    tones = 2 * _tone_magnitude(tones).square()
    return torch.cat([sound, panned, opposed, tones], dim=2).sum(dim=2)


def mean_square(power: Tensor, fold: int) -> Tensor:  # (b t*fold f) -> (b t)
    """Mean square of samples, of `fold` frames of `power_in_bins`, by Parseval's theorem.

    All bins but the first and last count twice, and the power is that of two channels. Squares of
    windows that overlap sum to one.
    """
    window = 2 * (power.shape[2] - 1)
    total = 2 * power.sum(dim=2) - power[..., 0] - power[..., -1]
    return reduce(total, "b (t f) -> b t", "mean", f=fold) / (2 * window**2)


def _noise_magnitude(x: Tensor) -> Tensor:
    return (x - NOISE_OFFSET).clamp(max=6).exp()


def _tone_magnitude(x: Tensor) -> Tensor:
    return (x - NOISE_OFFSET).clamp(max=8).exp()


def phases(fraction: Tensor) -> Tensor:  # (...) in 0..1, of a full rotation -> (... 2)
    """Real and imaginary parts of complex numbers of power 2 with the given phases.

    The magnitude is constant because overlapping windows already vary the level: with random
    magnitudes the level of a hiss varies more than in a recording.
    """
    angles = 2 * torch.pi * fraction
    return math.sqrt(2) * torch.stack([angles.cos(), angles.sin()], dim=-1)


def overlap_add(frames: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
    """Frames (b c t n) that overlap by half, after `tail` (b c n/2) -> (b c t*n/2), next tail."""
    rising, falling = frames.chunk(2, dim=-1)
    previous = torch.cat([tail[:, :, None], falling[:, :, :-1]], dim=2)
    return rearrange(rising + previous, "b c t s -> b c (t s)"), falling[:, :, -1]


def hann(size: int, like: Tensor) -> Tensor:  # -> (size)
    """Periodic Hann window; copies shifted by half its size sum to one."""
    return torch.hann_window(size, dtype=like.dtype, device=like.device)


def transformable(x: Tensor) -> Tensor:
    """Converts half precision to float32: FFTs support single and double precision only."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
