"""Detection of out-of-distribution (OOD) clips: pictures unlike those of the training data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

SECONDS = 3  # of a clip that its statistics are computed over
FLOOR = 0.003  # of a channel's usual variance: smaller variances are treated alike
# Of the covariance towards its diagonal. Few clips estimate correlations badly, and a new map of
# the same game must not be out of distribution.
SHRINKAGE = 0.5
QUANTILE = 0.99  # of the training clips are nearer than the limit
# Clips. With fewer the limit is too low: it would warn of 7 in 10 clips of the same distribution
# with 20 clips, 1 in 7 with 60, 1 in 25 with 100 (drawn from Gaussians of as many dimensions as
# `micro` has).
FEWEST = 100


class ClipStatistics(NamedTuple):
    """Running statistics of a clip: frames, and sums over them of the patches' mean and square."""

    frames: int
    first: Tensor  # (b 2d)
    second: Tensor  # (b 2d)


class OODDetector(nn.Module):
    """A Gaussian over statistics of the training clips, with a limit of the Mahalanobis distance.

    The statistics of a clip are, for each channel, the log variance over patches and time and the
    log power of the temporal difference. Means are left out: brightness and colour differ between
    clips of the same kind.
    """

    def __init__(self, channels: int, frames: int):
        super().__init__()
        self.frames = frames  # that the statistics of a clip are computed over
        self.register_buffer("mean", torch.zeros(2 * channels))
        # Not torch.eye, as in vision/encoder.py.
        self.register_buffer("whitening", torch.zeros(2 * channels, 2 * channels).fill_diagonal_(1))
        self.register_buffer("limit", torch.tensor(torch.inf))

    def add(self, grid: Tensor, statistics: ClipStatistics | None) -> ClipStatistics:
        """The statistics with further frames (b t n 2d), as far as they count."""
        counted = statistics.frames if statistics else 0
        return clip_statistics(grid[:, : self.frames - counted], statistics)

    def is_beyond_limit(self, statistics: ClipStatistics, scale: Tensor) -> bool:
        """Whether the statistics are complete and beyond the limit."""
        complete = statistics.frames >= self.frames
        return complete and bool((self.distance(statistics, scale) > self.limit.cpu()).any())

    def distance(self, statistics: ClipStatistics, scale: Tensor) -> Tensor:
        """Squared Mahalanobis distance divided by the dimensions: below 1 for most training clips.

        `scale` (2d) is the grid's usual deviation; gives (b).
        """
        x = features(statistics, scale) - self.mean.cpu().float()
        return (x @ self.whitening.cpu().float().T).square().mean(dim=-1)

    def fit(self, rows: Tensor, clips: int) -> None:  # (rows 2d)
        """Fit the Gaussian and its limit to features; without effect on too few clips.

        `clips` is the number of clips that the rows are from; a clip may have several.
        """
        if clips < FEWEST:
            return
        mean = rows.mean(dim=0)
        covariance = (rows - mean).T @ (rows - mean) / len(rows)
        diagonal = covariance.diag().clamp(min=1e-4)
        covariance = torch.lerp(covariance, diagonal.diag(), SHRINKAGE)
        whitening = torch.linalg.inv(torch.linalg.cholesky(covariance))
        distances = ((rows - mean) @ whitening.T).square().mean(dim=-1)
        self.mean.copy_(mean)
        self.whitening.copy_(whitening)
        self.limit.copy_(distances.quantile(QUANTILE))


class Monitor:
    """Computes the statistics of a stream and reports once if they are out of distribution."""

    def __init__(
        self,
        detector: OODDetector | None,
        scale: Tensor | None,
        origin: dict[str, Any],
        tell: Callable[[str], None],
    ):
        """`scale` is as in `OODDetector.distance`, `origin` as in `Pipeline`.

        Without a detector nothing is reported.
        """
        self.detector, self.scale, self.origin, self.tell = detector, scale, origin, tell
        self._statistics: ClipStatistics | None = None

    def add(self, grid: Tensor) -> None:
        """Take the next frames' grids with their differences: (b t n 2d)."""
        detector, before = self.detector, self._statistics
        if detector is None or self.scale is None:
            return
        if before and before.frames >= detector.frames:
            return
        self._statistics = detector.add(grid, before)
        if detector.is_beyond_limit(self._statistics, self.scale):
            self.tell(warning_text(self.origin))


def clip_statistics(grid: Tensor, before: ClipStatistics | None = None) -> ClipStatistics:
    """The statistics of frames' grids with their differences (b t n 2d), added to `before`."""
    grid = grid.float()
    first, second = grid.mean(dim=2).sum(dim=1), grid.square().mean(dim=2).sum(dim=1)
    if before is None:
        return ClipStatistics(grid.shape[1], first, second)
    frames = before.frames + grid.shape[1]
    return ClipStatistics(frames, before.first + first, before.second + second)


def features(statistics: ClipStatistics, scale: Tensor) -> Tensor:
    """Log variance of the grid and log power of its temporal difference: (b 2d)."""
    first, second = (x.cpu() / statistics.frames for x in (statistics.first, statistics.second))
    own = first.shape[-1] // 2
    power = torch.cat([(second - first.square())[:, :own], second[:, own:]], dim=-1)
    return (power.clamp(min=0) / scale.cpu().float().square() + FLOOR).log()


def warning_text(origin: dict[str, Any]) -> str:
    """The text of the out-of-distribution warning; `origin` as in Pipeline."""
    known = origin.get("knows") or origin.get("data") or "unnamed footage"
    return (
        f"this picture is unlike anything the model was trained on ({known}); its sound may not fit"
    )
