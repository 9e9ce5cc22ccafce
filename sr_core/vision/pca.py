"""Principal axes of patch tokens, from one pass over any number of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class PCA(NamedTuple):
    """`(token - mean) @ basis` are the coordinates; float64, on the CPU."""

    mean: Tensor  # (d,)
    basis: Tensor  # (d k), orthonormal columns, the strongest first
    explained: Tensor  # (k,), each column's share of the variance; its cumsum is the CEV


class StreamingPCA:
    """Exact mean and covariance of tokens that arrive piece by piece.

    Each piece is centred on its own mean before it is added, so tokens far from zero lose no
    digits (Chan, Golub and LeVeque, "Updating formulae", 1979).
    """

    def __init__(self, width: int):
        self.count = 0
        self.mean = torch.zeros(width, dtype=torch.float64)
        self.scatter = torch.zeros(width, width, dtype=torch.float64)

    def update(self, tokens: Tensor) -> None:  # (n d), any dtype and device
        """Raises ValueError for another width, and for NaN or infinite tokens."""
        if tokens.ndim != 2 or tokens.shape[1] != len(self.mean):
            raise ValueError(
                f"got tokens of shape {tuple(tokens.shape)}; expected (n, {len(self.mean)}); "
                "flatten batch, time and patches into one axis"
            )
        if not len(tokens):
            return
        # The CPU adds in float64 whatever the device that encoded: some have no float64.
        tokens = tokens.detach().cpu().double()
        mean = tokens.mean(dim=0)
        if not mean.isfinite().all():
            raise ValueError("got NaN or infinite tokens; expected numbers; look at the frames")
        centred = tokens - mean
        self._add(len(tokens), mean, centred.T @ centred)

    def result(self, channels: int) -> PCA:
        """The strongest axes; each points where its largest component is positive.

        Raises ValueError for more axes than the width, or too few tokens to tell them.
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
