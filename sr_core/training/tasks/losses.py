"""Losses of the audio VAE, equal to those of the training code SonyResearch/soundreactor_vae.

docs/vae-losses.md compares both on the same tensors.
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

SMALLEST = 1e-8  # floor of the power of a bin
TAPS = 101  # length of the A-weighting filter in samples
RESPONSE = 512  # number of frequencies, 0 to Nyquist, to which the filter is fitted
CHANNEL_WEIGHTS = (1.0, 1.0, 0.5, 0.5)  # of stereo: sum, difference, left and right


@dataclass(frozen=True)
class StftConfig:
    """Multi-resolution STFT loss; the hop is a quarter of the FFT."""

    weight: float = 1.0  # weight of the loss; 0 leaves it out
    sizes: tuple[int, ...] = (2048, 1024, 512, 256, 128, 64, 32)  # samples, multiples of 4
    perceptual: bool = True  # A-weighting of both sounds before the comparison
    sample_rate: int = SAMPLE_RATE  # Hz, used for A-weighting only


def stft_distance(sound: Tensor, reference: Tensor, config: StftConfig) -> Tensor:
    """Spectral convergence plus log-magnitude distance, averaged over sizes: 2 x (b c s) -> (b).

    Of stereo: weighted sum S + D + L/2 + R/2 for the sum S, difference D, left L and right R of the
    channels. Of another number of channels: their mean, as for SwanSphere's VAE (arXiv 2605.30940).
    """
    ours, theirs = (_compared(waveform, config) for waveform in (sound, reference))
    channels = sound.shape[1]
    weights = ours.new_tensor(CHANNEL_WEIGHTS if channels == 2 else [1 / channels] * channels)
    total = ours.new_zeros(len(ours))
    for size in config.sizes:
        y, x = _magnitudes(ours, size), _magnitudes(theirs, size)
        distance = spectral_convergence(y, x) + log_magnitude_distance(y, x)  # (b n)
        # A matrix product would be in bfloat16 under autocast.
        total = total + (distance * weights).sum(dim=1)
    return total / len(config.sizes)


def spectral_convergence(sound: Tensor, reference: Tensor) -> Tensor:  # 2 x (... f t) -> (...)
    """Norm of the difference of magnitudes, divided by the norm of the generated sound's.

    Arik et al. (arXiv 1808.06719, eq. 2) divide by the norm of the reference; the official training
    code passes its two sounds in the opposite order.
    """
    norm = torch.linalg.vector_norm
    return norm(sound - reference, dim=(-2, -1)) / norm(sound, dim=(-2, -1))


def log_magnitude_distance(sound: Tensor, reference: Tensor) -> Tensor:  # 2 x (... f t) -> (...)
    """Mean absolute difference of log magnitudes (arXiv 1808.06719, eq. 3)."""
    return (sound.log() - reference.log()).abs().mean(dim=(-2, -1))


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:  # 2 x (b t k) -> (b)
    """KL divergence from the standard normal, summed over channels and averaged over time."""
    variance = log_variance.exp()
    return 0.5 * (mean.square() + variance - log_variance - 1).sum(dim=-1).mean(dim=-1)


def hinge_discriminator(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:  # n x (b ...)
    """Hinge loss of the discriminator: margin 1 for real, -1 for generated; sum over n scales."""
    pairs = zip(real, fake, strict=True)
    return torch.stack([F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in pairs]).sum()


def hinge_generator(fake: Sequence[Tensor]) -> Tensor:  # n x (b ...)
    """Hinge loss of the generator: negative mean score, summed over n scales."""
    return -torch.stack([score.mean() for score in fake]).sum()


def feature_matching(  # n x m x (b ...), of n scales with m features each
    real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]
) -> Tensor:
    """Mean absolute difference of features, averaged over features and summed over scales."""
    total = torch.zeros(())
    for own, other in zip(real, fake, strict=True):
        distances = [(r - f).abs().mean() for r, f in zip(own, other, strict=True)]
        total = total.to(distances[0]) + sum(distances) / len(distances)
    return total


@lru_cache
def a_weighting_filter(sample_rate: int) -> Tensor:  # -> (taps)
    """Symmetric FIR filter with the gain of A-weighting (IEC 61672) after the bilinear transform.

    Designed as in auraloss: least squares over every second interval between `RESPONSE`
    frequencies, with the target gain linear within an interval.
    """
    steps = torch.arange(RESPONSE, dtype=torch.float64)  # unit: Nyquist frequency / RESPONSE
    warped = 2 * sample_rate * (steps * torch.pi / RESPONSE / 2).tan()  # analogue, rad/s
    low, high = _a_weighting(warped).view(-1, 2).split(1, dim=1)
    # Gauss-Legendre quadrature with four points integrates an interval to double precision.
    nodes = torch.tensor([0.069431844202973712, 0.330009478207571868], dtype=torch.float64)
    nodes = torch.cat([nodes, 1 - nodes.flip(0)])
    masses = torch.tensor([0.173927422568726929, 0.326072577431273071], dtype=torch.float64)
    masses = torch.cat([masses, masses.flip(0)]).sqrt().repeat(RESPONSE // 2)
    angles = (steps[::2, None] + nodes).flatten() * torch.pi / RESPONSE
    target = (low + (high - low) * nodes).flatten()
    cosines = (angles[:, None] * torch.arange(TAPS // 2 + 1)).cos()
    fitted = torch.linalg.lstsq(cosines * masses[:, None], (target * masses)[:, None]).solution
    half = fitted[:, 0] / 2
    return torch.cat([half[1:].flip(0), 2 * half[:1], half[1:]]).float()


def _a_weighting(radians: Tensor) -> Tensor:  # (f) rad/s -> (f), 1 at 1 kHz
    squared = (radians / (2 * torch.pi)).square()
    poles = ((squared + 107.65265**2) * (squared + 737.86223**2)).sqrt()
    poles = poles * (squared + 20.598997**2) * (squared + 12194.217**2)
    return 10 ** (1.9997 / 20) * 12194.217**2 * squared.square() / poles


def _compared(waveform: Tensor, config: StftConfig) -> Tensor:  # (b c s) -> (b n s)
    """Sum, difference, left and right of stereo, else the channels; A-weighted if `perceptual`."""
    rows = waveform.float()
    if rows.shape[1] == 2:
        left, right = rows.unbind(dim=1)
        rows = torch.stack([left + right, left - right, left, right], dim=1)
    if not config.perceptual:
        return rows
    taps = a_weighting_filter(config.sample_rate).to(rows.device)
    with torch.autocast(rows.device.type, enabled=False):
        flat = rearrange(rows, "b c s -> (b c) 1 s")
        return F.conv1d(flat, taps.view(1, 1, -1), padding=TAPS // 2).view_as(rows)


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
