"""Losses of the audio VAE as SonyResearch/soundreactor_vae trains it: functions of tensors.

Compared with that code on the same tensors: docs/vae-losses.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from ...rates import SAMPLE_RATE

SMALLEST = 1e-8  # power of a bin, below which nothing is told apart
TAPS = 101  # of the weighting's filter
RESPONSE = 512  # frequencies from 0 up to the Nyquist frequency that the filter is fitted at
CHANNEL_WEIGHTS = (1.0, 1.0, 0.5, 0.5)  # of sum, difference, left and right


@dataclass(frozen=True)
class StftConfig:
    """Multi-resolution STFT loss; every hop is a quarter of its FFT."""

    weight: float = 1.0  # of the whole; 0 leaves it out
    sizes: tuple[int, ...] = (2048, 1024, 512, 256, 128, 64, 32)  # samples, multiples of 4
    perceptual: bool = True  # A-weighting of both sounds before they are compared
    sample_rate: int = SAMPLE_RATE  # Hz, for the weighting alone


def stft_distance(sound: Tensor, reference: Tensor, config: StftConfig) -> Tensor:
    """Spectral convergence and log-magnitude distance, the mean over sizes: 2 x (b 2 s) -> (b).

    Summed over sum S, difference D, left L and right R of the two channels: S + D + L/2 + R/2.
    """
    ours, theirs = (_four(waveform, config) for waveform in (sound, reference))
    weights = ours.new_tensor(CHANNEL_WEIGHTS)
    total = ours.new_zeros(len(ours))
    for size in config.sizes:
        y, x = _magnitudes(ours, size), _magnitudes(theirs, size)
        apart = spectral_convergence(y, x) + log_magnitude_distance(y, x)  # (b 4)
        total = total + (apart * weights).sum(dim=1)  # no product: autocast would round it
    return total / len(config.sizes)


def spectral_convergence(sound: Tensor, reference: Tensor) -> Tensor:  # 2 x (... f t) -> (...)
    """Norm of the difference relative to the norm of the generated sound's magnitudes.

    Arik et al. (arXiv 1808.06719, eq. 2) divide by the reference's; the official training code
    gives its two sounds in the other order.
    """
    norm = torch.linalg.vector_norm
    return norm(sound - reference, dim=(-2, -1)) / norm(sound, dim=(-2, -1))


def log_magnitude_distance(sound: Tensor, reference: Tensor) -> Tensor:  # 2 x (... f t) -> (...)
    """Mean absolute difference of natural logarithms (arXiv 1808.06719, eq. 3)."""
    return (sound.log() - reference.log()).abs().mean(dim=(-2, -1))


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:  # 2 x (b t k) -> (b)
    """From the standard normal: summed over channels, averaged over time."""
    variance = log_variance.exp()
    return 0.5 * (mean.square() + variance - log_variance - 1).sum(dim=-1).mean(dim=-1)


def hinge_discriminator(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:  # n x (b ...)
    """Scores of real sounds above 1, of generated ones below -1: the sum over n scales."""
    pairs = zip(real, fake, strict=True)
    return sum(F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in pairs)


def hinge_generator(fake: Sequence[Tensor]) -> Tensor:  # n x (b ...)
    """Negative mean score, the sum over n scales."""
    return -sum(score.mean() for score in fake)


def feature_matching(  # n x m x (b ...), of n scales with m features each
    real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]
) -> Tensor:
    """Mean absolute difference of features: the mean over a scale's, the sum over scales."""
    total = torch.zeros(())
    for own, other in zip(real, fake, strict=True):
        apart = [(r - f).abs().mean() for r, f in zip(own, other, strict=True)]
        total = total.to(apart[0]) + sum(apart) / len(apart)
    return total


@lru_cache
def a_weighting_filter(sample_rate: int) -> Tensor:  # -> (taps)
    """Symmetric filter with the gain of IEC 61672's curve A after the bilinear transform.

    Least squares over every second interval between `RESPONSE` frequencies, the gain linear
    within each, as auraloss designs it.
    """
    steps = torch.arange(RESPONSE, dtype=torch.float64)  # of the Nyquist frequency / RESPONSE
    warped = 2 * sample_rate * (steps * torch.pi / RESPONSE / 2).tan()  # rad/s of the analogue one
    low, high = _a_weighting(warped).view(-1, 2).split(1, dim=1)
    # Four Gauss-Legendre points integrate each interval to double precision.
    nodes = torch.tensor([0.069431844202973712, 0.330009478207571868], dtype=torch.float64)
    nodes = torch.cat([nodes, 1 - nodes.flip(0)])
    masses = torch.tensor([0.173927422568726929, 0.326072577431273071], dtype=torch.float64)
    masses = torch.cat([masses, masses.flip(0)]).sqrt().repeat(RESPONSE // 2)
    places = (steps[::2, None] + nodes).flatten() * torch.pi / RESPONSE
    wanted = (low + (high - low) * nodes).flatten()
    cosines = (places[:, None] * torch.arange(TAPS // 2 + 1)).cos()
    fitted = torch.linalg.lstsq(cosines * masses[:, None], (wanted * masses)[:, None]).solution
    half = fitted[:, 0] / 2
    return torch.cat([half[1:].flip(0), 2 * half[:1], half[1:]]).float()


def _a_weighting(radians: Tensor) -> Tensor:  # (f) rad/s -> (f), 1 at 1 kHz
    squared = (radians / (2 * torch.pi)).square()
    poles = ((squared + 107.65265**2) * (squared + 737.86223**2)).sqrt()
    poles = poles * (squared + 20.598997**2) * (squared + 12194.217**2)
    return 10 ** (1.9997 / 20) * 12194.217**2 * squared.square() / poles


def _four(waveform: Tensor, config: StftConfig) -> Tensor:  # (b 2 s) -> (b 4 s)
    """Sum, difference, left and right in float32, weighted as the ear does where asked to."""
    left, right = waveform.float().unbind(dim=1)
    four = torch.stack([left + right, left - right, left, right], dim=1)
    if not config.perceptual:
        return four
    taps = a_weighting_filter(config.sample_rate).to(four.device)
    with torch.autocast(four.device.type, enabled=False):
        rows = rearrange(four, "b c s -> (b c) 1 s")
        return F.conv1d(rows, taps.view(1, 1, -1), padding=TAPS // 2).view_as(four)


def _magnitudes(waveform: Tensor, size: int) -> Tensor:  # (b c s) -> (b c f t)
    samples = waveform.shape[-1]
    if samples < size:
        raise ValueError(
            f"got {samples} samples for an FFT of {size}; expected at least as many; take longer "
            "pieces or smaller sizes"
        )
    window = torch.hann_window(size, device=waveform.device)
    rows = rearrange(waveform, "b c s -> (b c) s")
    spectrum = torch.stft(rows, size, size // 4, window=window, return_complex=True)
    power = torch.view_as_real(spectrum).square().sum(dim=-1).clamp(min=SMALLEST)
    return rearrange(power.sqrt(), "(b c) f t -> b c f t", b=len(waveform))
