"""Phases of tones that continue from frame to frame, computed from magnitudes alone.

After single-pass spectrogram inversion (Beauregard, Harish and Wyse, "Single Pass Spectrogram
Inversion", 2015): a peak of the spectrum is a sinusoid, whose phase advances with its frequency.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

SOFTEST = 1e-12  # smallest power of a bin whose logarithm is taken
FLATTEST = 1e-3  # smallest curvature of log magnitudes at a peak


def continued_phases(
    power: Tensor, past: Tensor | None = None
) -> tuple[Tensor, Tensor]:  # (b t f), (b f) -> (b t f 2), (b f)
    """Unit phasors for every bin of frames that overlap by half, and the state after them.

    Every bin has a running phase, which advances by that of half a window at the frequency of the
    nearest peak. All bins around a peak have the peak's phase, with alternating sign: that of a
    sinusoid in the middle of a symmetric window. The phases have no gradient.
    """
    with torch.no_grad():
        peak, offset = nearest_peaks(power)
        past = start_phases(power) if past is None else past
        # The phase of half a window at bin k is pi k. Parity alone keeps sums small and precise.
        running = past[:, None] + (math.pi * (peak % 2 + offset)).cumsum(dim=1)
        running = running.remainder(2 * math.pi)
        phase = running.gather(2, peak)
        signs = 1 - 2 * (torch.arange(power.shape[2], device=power.device) % 2).to(power)
        phasors = torch.stack([phase.cos(), phase.sin()], dim=-1) * signs[:, None]
        return phasors, running[:, -1].clone()


def nearest_peaks(power: Tensor) -> tuple[Tensor, Tensor]:  # (b t f) -> 2 x (b t f)
    """For every bin the index of the nearest peak, and how far its frequency is from that bin.

    The frequency is that of the maximum of a parabola through three log magnitudes (Smith and
    Serra, "PARSHL", 1987), at most half a bin away. A spectrum without peak has them at all bins.
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
    logs = 0.5 * power.clamp_min(SOFTEST).log()
    below, at, above = (logs.gather(2, near + step) for step in (-1, 0, 1))
    curvature = (2 * at - below - above).clamp_min(FLATTEST)
    return near, (0.5 * (above - below) / curvature).clamp(-0.5, 0.5)


def start_phases(power: Tensor) -> Tensor:  # (b t f) -> (b f)
    """Phases of a flat spectrum with a low peak (Schroeder, 1970): pi k^2 / f."""
    bins = torch.arange(power.shape[2], device=power.device).to(power)
    return (math.pi * bins.square() / len(bins)).remainder(2 * math.pi).expand(len(power), -1)
