"""Decoding without a head: mono, and stereo of two coincident microphones.

Four-channel output is the field itself, in the convention asked for (`conventions.convert`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SIDE = math.pi / 2


def mono(foa: Tensor) -> Tensor:  # (b 4 s) -> (b 1 s)
    """W: the sound pressure, with gain 1 for all directions."""
    return foa[:, :1]


def cardioid(foa: Tensor, azimuth: float) -> Tensor:  # (b 4 s) -> (b s)
    """A horizontal cardioid, 0.5 W + 0.5 (X cos(azimuth) + Y sin(azimuth)).

    Its gain for a source at an angle a from its axis is 0.5 + 0.5 cos(a): 1 on the axis, 0 behind.
    """
    w, y, _, x = foa.unbind(1)
    return 0.5 * (w + math.cos(azimuth) * x + math.sin(azimuth) * y)


def stereo(foa: Tensor, left: float = SIDE, right: float = -SIDE) -> Tensor:  # -> (b 2 s)
    """Two cardioids at azimuths in radians; by default back to back, for which left + right is W.

    A source ahead has the gain 0.5 in both then, and one at a side has 1 and 0.
    """
    return torch.stack([cardioid(foa, left), cardioid(foa, right)], dim=1)
