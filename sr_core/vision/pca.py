"""Principal component analysis (PCA) of patch tokens in one pass over the data."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class PCA(NamedTuple):
    """Mean and principal axes, float64 on the CPU; the projection is `(token - mean) @ basis`."""

    mean: Tensor  # (d,)
    basis: Tensor  # (d k), orthonormal columns in order of decreasing variance
    explained: Tensor  # (k,), fraction of the variance per column; its cumulative sum is the CEV


class StreamingPCA:
    """Exact mean and covariance of tokens that arrive in batches.

    Each batch is centred on its own mean before it is added, so a large mean causes no loss of
    precision (Chan, Golub and LeVeque, "Updating formulae", 1979).
    """

    def __init__(self, width: int):
        self.count = 0
        self.mean = torch.zeros(width, dtype=torch.float64)
        self.scatter = torch.zeros(width, width, dtype=torch.float64)

    def update(self, tokens: Tensor) -> None:  # (n d), any dtype and device
        """Add tokens. Raises ValueError for another width, and for NaN or infinite tokens."""
        if tokens.ndim != 2 or tokens.shape[1] != len(self.mean):
            raise ValueError(
                f"got tokens of shape {tuple(tokens.shape)}; expected (n, {len(self.mean)}); "
                "flatten batch, time and patches into one axis"
            )
        if not len(tokens):
            return
        # Summed in float64 on the CPU: some devices have no float64.
        tokens = tokens.detach().cpu().double()
        mean = tokens.mean(dim=0)
        if not mean.isfinite().all():
            raise ValueError("got NaN or infinite tokens; expected numbers; check the frames")
        centred = tokens - mean
        self._add(len(tokens), mean, centred.T @ centred)

    def result(self, channels: int) -> PCA:
        """The axes of largest variance; the largest component of each is positive.

        Raises ValueError if `channels` exceeds the width, or is not below the number of tokens.
        """
        if not 0 < channels <= len(self.mean):
            raise ValueError(f"got {channels} channels; expected 1 to {len(self.mean)}")
        if self.count <= channels:
            raise ValueError(
                f"got {self.count} tokens for {channels} channels; expected more tokens than "
                "channels; update with more frames"
            )
        variances, axes = torch.linalg.eigh(self.scatter / (self.count - 1))
        variances, axes = variances.flip(0).clamp(min=0), axes.flip(1)[:, :channels]
        largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
        explained = variances[:channels] / variances.sum().clamp(
            min=torch.finfo(torch.float64).tiny
        )
        return PCA(self.mean.clone(), axes * largest.sign(), explained)

    def _add(self, count: int, mean: Tensor, scatter: Tensor) -> None:
        total, shift = self.count + count, mean - self.mean
        between = torch.outer(shift, shift) * (self.count * count / total)
        self.scatter = self.scatter + scatter + between
        self.mean = self.mean + shift * (count / total)
        self.count = total
