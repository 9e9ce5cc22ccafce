"""Temporal difference: what moved since the last frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TemporalDifference(nn.Module):
    """Each grid beside its difference to the grid before (SoundReactor, arXiv 2510.02110, fig. 2).

    Neighbouring frames are nearly equal, so what stands still would hide what moves.
    """

    def forward(self, grid: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(b t n d) -> (b t n 2d); the state is the last grid (b n d).

        Where a stream begins the difference is zero.
        """
        first = grid[:, :1] if state is None else state[:, None]
        sequence = torch.cat([first, grid], dim=1)
        result = torch.cat([grid, sequence.diff(dim=1)], dim=-1)
        return result, sequence[:, -1].clone()  # a view would keep the whole piece alive
