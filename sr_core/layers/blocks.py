"""Layers without state: feed-forward, activation, noise-level features, modulation."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SwiGLU(nn.Module):
    """Gated feed-forward layer, `down(silu(gate(x)) * up(x))` (Shazeer, arXiv 2002.05202)."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.gate_up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (... d) -> (... d)
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


class SnakeBeta(nn.Module):
    """x + sin^2(e^alpha x) / e^beta, alpha and beta per channel (BigVGAN, arXiv 2206.04658)."""

    def __init__(self, channels: int):
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:  # (b c s) -> (b c s)
        alpha, beta = self.alpha.exp()[:, None], self.beta.exp()[:, None]
        return x + torch.sin(alpha * x).square() / (beta + 1e-9)


def fourier_features(x: Tensor, channels: int) -> Tensor:  # (...) -> (... channels)
    """cos and sin of x at geometrically spaced frequencies, 1/8 to 16 cycles per unit.

    The highest frequency is low on purpose: consistency tuning compares noise levels that differ
    by one percent, and features whose phase changes by radians over such a step make its target
    unstable (sCM, arXiv 2410.11081, sec. 4.1).
    """
    octaves = torch.linspace(-3, 4, channels // 2, device=x.device, dtype=x.dtype)
    angles = 2 * math.pi * x[..., None] * octaves.exp2()
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Shift and scale of adaptive layer norm (DiT, arXiv 2212.09748); x is already normalised."""
    return x * (1 + scale) + shift
