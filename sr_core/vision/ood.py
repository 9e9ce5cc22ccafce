"""Detection of out-of-distribution (OOD) clips: frames unlike those of the training data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

SECONDS = 3  # seconds of a clip whose statistics are computed, from its start
FLOOR = 0.003  # added to variances that are relative to the training variance of a channel
# Shrinkage of the covariance towards its diagonal, 0..1. Few clips estimate correlations poorly,
# and a new map of the same game must not be out of distribution.
SHRINKAGE = 0.5
QUANTILE = 0.99  # fraction of the training clips within the limit
# Minimum number of training clips. With fewer clips the limit is too low: it would warn of 7 in 10
# clips of the same distribution with 20 clips, 1 in 7 with 60, 1 in 25 with 100 (simulated with
# Gaussians of as many dimensions as `micro` has).
FEWEST = 100


class ClipStatistics(NamedTuple):
    """Running first and second moments of a clip's features."""

    frames: int  # number of frames
    first: Tensor  # (b 2d), sum over frames of the mean over patches
    second: Tensor  # (b 2d), sum over frames of the mean square over patches


class OODDetector(nn.Module):
    """Gaussian over the features of the training clips, with a limit of the Mahalanobis distance.

    The features of a clip are, per channel, the log variance over patches and time and the log
    power of the temporal difference. Means are excluded: brightness and colour differ between
    clips of the same kind.
    """

    mean: Tensor  # (2d)
    whitening: Tensor  # (2d 2d)
    limit: Tensor  # ()

    def __init__(self, channels: int, frames: int):
        super().__init__()
        self.frames = frames  # number of frames whose statistics are computed
        self.register_buffer("mean", torch.zeros(2 * channels))
        # Not torch.eye, as in vision/encoder.py.
        self.register_buffer("whitening", torch.zeros(2 * channels, 2 * channels).fill_diagonal_(1))
        self.register_buffer("limit", torch.tensor(torch.inf))

    def add(self, grid: Tensor, statistics: ClipStatistics | None) -> ClipStatistics:
        """Add grids (b t n 2d) to the statistics, up to `frames` frames in total."""
        counted = statistics.frames if statistics else 0
        return clip_statistics(grid[:, : self.frames - counted], statistics)

    def is_beyond_limit(self, statistics: ClipStatistics, scale: Tensor) -> bool:
        """Whether the statistics cover `frames` frames and their distance exceeds the limit."""
        complete = statistics.frames >= self.frames
        return complete and bool((self.distance(statistics, scale) > self.limit.cpu()).any())

    def distance(self, statistics: ClipStatistics, scale: Tensor) -> Tensor:
        """Squared Mahalanobis distance per dimension, (b): below 1 for most training clips.

        `scale` (2d) is the standard deviation of each channel in the training set.
        """
        x = features(statistics, scale) - self.mean.cpu().float()
        return (x @ self.whitening.cpu().float().T).square().mean(dim=-1)

    def fit(self, rows: Tensor, clips: int) -> None:  # (rows 2d)
        """Fit the Gaussian and its limit to features; does nothing if `clips` is below FEWEST.

        `clips` is the number of clips from which the rows are taken; a clip may have several rows.
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
    """Computes the statistics of a stream and warns once if they are out of distribution."""

    def __init__(
        self,
        detector: OODDetector | None,
        scale: Tensor | None,
        origin: dict[str, Any],
        tell: Callable[[str], None],
    ):
        """`scale` is as in `OODDetector.distance`, `origin` as in `Pipeline`; `tell` gets the text.

        Without a detector there is no warning.
        """
        self.detector, self.scale, self.origin, self.tell = detector, scale, origin, tell
        self._statistics: ClipStatistics | None = None

    def add(self, grid: Tensor) -> None:
        """Add the next frames' grids with temporal differences: (b t n 2d)."""
        detector, before = self.detector, self._statistics
        if detector is None or self.scale is None:
            return
        if before and before.frames >= detector.frames:
            return
        self._statistics = detector.add(grid, before)
        if detector.is_beyond_limit(self._statistics, self.scale):
            self.tell(warning_text(self.origin))


def clip_statistics(grid: Tensor, before: ClipStatistics | None = None) -> ClipStatistics:
    """Statistics of grids with temporal differences (b t n 2d), added to `before`."""
    grid = grid.float()
    first, second = grid.mean(dim=2).sum(dim=1), grid.square().mean(dim=2).sum(dim=1)
    if before is None:
        return ClipStatistics(grid.shape[1], first, second)
    frames = before.frames + grid.shape[1]
    return ClipStatistics(frames, before.first + first, before.second + second)


def features(statistics: ClipStatistics, scale: Tensor) -> Tensor:
    """Log variance of the grid and log power of its temporal difference: (b 2d)."""
    first, second = (x.cpu() / statistics.frames for x in (statistics.first, statistics.second))
    channels = first.shape[-1] // 2
    power = torch.cat([(second - first.square())[:, :channels], second[:, channels:]], dim=-1)
    return (power.clamp(min=0) / scale.cpu().float().square() + FLOOR).log()


def warning_text(origin: dict[str, Any]) -> str:
    """Text of the out-of-distribution warning; `origin` is as in `Pipeline`."""
    training_data = origin.get("knows") or origin.get("data") or "unnamed footage"
    return (
        f"the frames are unlike anything the model was trained on ({training_data}); the sound may "
        "not fit"
    )
