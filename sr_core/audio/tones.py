"""Phases of tones that continue from frame to frame, computed from magnitudes alone.

After single-pass spectrogram inversion (Beauregard, Harish and Wyse, "Single Pass Spectrogram
Inversion", 2015): a peak of the spectrum is a sinusoid, whose phase advances with its frequency.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

SOFTEST = 1e-12  # smallest power of a peak, as a divisor


def continued_phases(
    power: Tensor, past: Tensor | None = None
) -> tuple[Tensor, Tensor]:  # (b t f), (b f) -> (b t f 2), (b f)
    """Unit phasors for every bin of frames that overlap by half, and the state after them.

    The phase of a bin is that which the bin of the nearest peak had, advanced by half a window at
    the peak's frequency: a tone keeps its phase when it moves to the next bin. Neighbours have
    opposite signs, as bins of a sinusoid in a symmetric window have. No gradient.
    """
    with torch.no_grad():
        peak, offset = nearest_peaks(power)
        # Half a window at bin k is a phase of pi k, whose multiples of 2 pi are left out.
        advance, found = math.pi * (peak % 2 + offset), []
        phase = start_phases(power) if past is None else past
        for t in range(power.shape[1]):
            phase = (phase.gather(1, peak[:, t]) + advance[:, t]).remainder(2 * math.pi)
            found.append(phase)
        angles = torch.stack(found, dim=1)
        signs = 1 - 2 * (torch.arange(power.shape[2], device=power.device) % 2).to(power)
        return torch.stack([angles.cos(), angles.sin()], dim=-1) * signs[:, None], phase


def nearest_peaks(power: Tensor) -> tuple[Tensor, Tensor]:  # (b t f) -> 2 x (b t f)
    """For every bin the index of the nearest peak, and how far its frequency is from that bin.

    Under the root of a Hann window a sinusoid d bins above the peak's bin, at most half a bin, has
    a magnitude in proportion to cos(pi d) / (1 - 4 d^2) there (Harris, 1978), so the difference of
    those of the two bins beside it is D = 16 d / (9 - 4 d^2) times that of the peak.
    """
    b, t, last = power.shape[0], power.shape[1], power.shape[2] - 1
    higher = F.max_pool1d(power.flatten(0, 1), 3, stride=1, padding=1).view_as(power)
    bins = torch.arange(last + 1, device=power.device).expand(b, t, -1)
    is_peak = (power == higher) & (bins > 0) & (bins < last)
    far = 2 * last + 2
    left = torch.where(is_peak, bins, -far).cummax(dim=2).values
    right = torch.where(is_peak, bins, 2 * far).flip(2).cummin(dim=2).values.flip(2)
    near = torch.where(bins - left <= right - bins, left, right)
    near = torch.where((near < 1) | (near >= last), bins.clamp(1, last - 1), near)
    below, at, above = (power.gather(2, near + step).sqrt() for step in (-1, 0, 1))
    difference = (above - below) / at.clamp_min(SOFTEST**0.5)
    offset = 9 * difference / (8 + (64 + 36 * difference.square()).sqrt())
    return near, offset.clamp(-0.5, 0.5)


def start_phases(power: Tensor) -> Tensor:  # (b t f) -> (b f)
    """Phases of a flat spectrum with a low peak (Schroeder, 1970): pi k^2 / f."""
    bins = torch.arange(power.shape[2], device=power.device).to(power)
    return (math.pi * bins.square() / len(bins)).remainder(2 * math.pi).expand(len(power), -1)
