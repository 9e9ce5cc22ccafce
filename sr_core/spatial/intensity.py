"""Where the sound of a field comes from: active intensity, as direction and diffuseness."""

from __future__ import annotations

from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import pad

from .directions import angles

SILENCE_DB = -80.0  # mean square relative to full scale, below which there is no direction
# Intensity relative to energy, below which a direction is that of rounding errors.
UNDIRECTED = 1e-4


class FieldDirection(NamedTuple):
    """One direction per window (b n); 0 where `known` is false."""

    azimuth: Tensor  # radians
    elevation: Tensor  # radians
    diffuseness: Tensor  # 0 for one plane wave, 1 for a diffuse field or silence
    energy: Tensor  # for a plane wave, the mean square of its signal
    known: Tensor  # false for silence and where opposite sounds cancel


def field_direction(
    foa: Tensor, rate: int, seconds: float = 0.5
) -> FieldDirection:  # (b 4 s) -> (b n) each
    """Direction of each window of `seconds`; the last one may be shorter.

    Intensity I = mean(W (X, Y, Z)), which weights each moment by its energy, and
    azimuth = atan2(I_y, I_x), elevation = atan2(I_z, hypot(I_x, I_y)) (Merimaa and Pulkki, J. Audio
    Eng. Soc. 53 (12), 2005). I points to the source, since the dipoles of AmbiX do.
    Diffuseness 1 - |I| / E, with energy E = mean(W^2 + X^2 + Y^2 + Z^2) / 2 (Pulkki, J. Audio Eng.
    Soc. 55 (6), 2007; the factor sqrt(2) there is that of B-format's W).
    """
    samples, window = foa.shape[-1], max(1, round(rate * seconds))
    windows = rearrange(pad(foa, (0, -samples % window)), "b c (n s) -> b c n s", s=window)
    starts = torch.arange(0, samples, window, device=foa.device)
    counts = (samples - starts).clamp(max=window).to(foa)
    w, y, z, x = windows.unbind(1)
    intensity = (w[..., None] * torch.stack([x, y, z], dim=-1)).sum(-2) / counts[:, None]
    energy = windows.square().sum((1, 3)) / (2 * counts)
    return _described(intensity, energy)


def _described(intensity: Tensor, energy: Tensor) -> FieldDirection:  # (b n 3), (b n)
    magnitude = torch.linalg.vector_norm(intensity, dim=-1)
    audible = energy > 10 ** (SILENCE_DB / 10)
    ratio = torch.where(audible, magnitude / torch.where(audible, energy, 1), 0).clamp(max=1)
    known = ratio > UNDIRECTED
    azimuth, elevation = angles(torch.where(known[..., None], intensity, 0))
    return FieldDirection(azimuth, elevation, 1 - ratio, energy, known)
