"""Temporal difference of the features of consecutive frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TemporalDifference(nn.Module):
    """Concatenates each grid with its difference from the previous grid.

    Source: SoundReactor, arXiv 2510.02110, fig. 2. Consecutive frames are nearly equal, so without
    the difference the static content hides the motion.
    """

    def forward(self, grid: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(b t n d) -> (b t n 2d); the state is the last grid (b n d).

        The first difference of a stream is zero.
        """
        first = grid[:, :1] if state is None else state[:, None]
        sequence = torch.cat([first, grid], dim=1)
        result = torch.cat([grid, sequence.diff(dim=1)], dim=-1)
        return result, sequence[:, -1].clone()  # a view would keep all grids in memory
