"""Detection of out-of-distribution (OOD) clips: pictures unlike those of the training data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

SECONDS = 3  # of a clip that it is judged by
FLOOR = 0.003  # of a channel's variance: how little is nothing
SHRINKAGE = 0.5  # of the covariance towards its diagonal: few clips tell little of how looks go
# together, and a new map of the same game must not look foreign.
QUANTILE = 0.99  # of the clips learned from are nearer than the limit
# Clips. The limit of fewer is too near: of others like them it would warn of 7 in 10 with 20,
# 1 in 7 with 60, 1 in 25 with 100 (drawn from Gaussians of as many dimensions as `micro` has).
FEWEST = 100


class Look(NamedTuple):
    """Running statistics of a clip: frames, and sums over them of the patches' mean and square."""

    frames: int
    first: Tensor  # (b 2d)
    second: Tensor  # (b 2d)


class Familiar(nn.Module):
    """A Gaussian over statistics of the training clips, with a limit of the Mahalanobis distance.

    The statistics of a clip are, for each channel, the log variance over patches and time and the
    log power of the temporal difference. Means are left out: brightness and colour differ between
    clips of the same kind.
    """

    def __init__(self, channels: int, frames: int):
        super().__init__()
        self.frames = frames  # that are enough to judge
        self.register_buffer("mean", torch.zeros(2 * channels))
        # Not torch.eye, as in vision/encoder.py.
        self.register_buffer("whitening", torch.zeros(2 * channels, 2 * channels).fill_diagonal_(1))
        self.register_buffer("limit", torch.tensor(torch.inf))

    def see(self, grid: Tensor, look: Look | None) -> Look:  # (b t n 2d)
        """What was seen, and these frames too, as far as they count."""
        return look_at(grid[:, : self.frames - (look.frames if look else 0)], look)

    def is_unlike(self, look: Look, scale: Tensor) -> bool:
        """Whether enough was seen, and lies beyond the limit."""
        enough = look.frames >= self.frames
        return enough and bool((self.distance(look, scale) > self.limit.cpu()).any())

    def distance(self, look: Look, scale: Tensor) -> Tensor:
        """Mahalanobis distance squared, a dimension: below 1 for most of what it was fitted to.

        `scale` (2d) is the grid's usual deviation; gives (b).
        """
        x = features(look, scale) - self.mean.cpu().float()
        return (x @ self.whitening.cpu().float().T).square().mean(dim=-1)

    def fit(self, looks: Tensor, clips: int) -> None:  # (looks 2d)
        """The Gaussian and its limit; everything stays familiar where clips are too few.

        `clips` is how many there are, of which one may be looked at more than once.
        """
        if clips < FEWEST:
            return
        mean = looks.mean(dim=0)
        covariance = (looks - mean).T @ (looks - mean) / len(looks)
        diagonal = covariance.diag().clamp(min=1e-4)
        covariance = torch.lerp(covariance, diagonal.diag(), SHRINKAGE)
        whitening = torch.linalg.inv(torch.linalg.cholesky(covariance))
        distances = ((looks - mean) @ whitening.T).square().mean(dim=-1)
        self.mean.copy_(mean)
        self.whitening.copy_(whitening)
        self.limit.copy_(distances.quantile(QUANTILE))


class Watch:
    """Computes the statistics of a stream and reports once if they are out of distribution."""

    def __init__(
        self,
        familiar: Familiar | None,
        scale: Tensor | None,
        origin: dict[str, Any],
        tell: Callable[[str], None],
    ):
        """`scale` as in `Familiar.distance`, `origin` as in `Pipeline`; None: nothing is unlike."""
        self.familiar, self.scale, self.origin, self.tell = familiar, scale, origin, tell
        self._look: Look | None = None

    def see(self, grid: Tensor) -> None:
        """The next frames' grids with their differences: (b t n 2d)."""
        if self.familiar is None or (self._look and self._look.frames >= self.familiar.frames):
            return
        self._look = self.familiar.see(grid, self._look)
        if self.familiar.is_unlike(self._look, self.scale):
            self.tell(unlike(self.origin))


def look_at(grid: Tensor, look: Look | None = None) -> Look:
    """What was seen, and these frames' grids with their differences too: (b t n 2d)."""
    grid = grid.float()
    first, second = grid.mean(dim=2).sum(dim=1), grid.square().mean(dim=2).sum(dim=1)
    if look is None:
        return Look(grid.shape[1], first, second)
    return Look(look.frames + grid.shape[1], look.first + first, look.second + second)


def features(look: Look, scale: Tensor) -> Tensor:
    """Log variance of the grid and log power of its temporal difference: (b 2d)."""
    first, second = (x.cpu() / look.frames for x in (look.first, look.second))
    own = first.shape[-1] // 2
    power = torch.cat([(second - first.square())[:, :own], second[:, own:]], dim=-1)
    return (power.clamp(min=0) / scale.cpu().float().square() + FLOOR).log()


def unlike(origin: dict[str, Any]) -> str:
    """The text of the out-of-distribution warning; `origin` as in Pipeline."""
    known = origin.get("knows") or origin.get("data") or "unnamed footage"
    return (
        f"this picture is unlike anything the model was trained on ({known}); its sound may not fit"
    )
