"""Mean and standard deviation of what the model reads, gathered shard by shard."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Moments:
    """Exact per-channel mean and variance of rows that come in pieces, on one machine or many."""

    def __init__(self, count: int = 0, mean: Any = 0.0, scatter: Any = 0.0):
        self.count = count
        self.mean = torch.as_tensor(mean, dtype=torch.float64)
        self.scatter = torch.as_tensor(scatter, dtype=torch.float64)

    def update(self, rows: Tensor, variance: Tensor | None = None) -> None:  # 2 x (... d)
        """Count rows; with `variance`, rows that are drawn around these with that variance.

        The variance of what is drawn is that of the means plus the mean of the variances.
        """
        # On the CPU whatever the device that encoded: some have no float64.
        rows = rows.detach().cpu().double().flatten(0, -2)
        mean = rows.mean(dim=0)
        scatter = (rows - mean).square().sum(dim=0)
        if variance is not None:
            scatter = scatter + variance.detach().cpu().double().flatten(0, -2).sum(dim=0)
        self.merge(Moments(len(rows), mean, scatter))

    def merge(self, other: Moments) -> None:
        """Chan, Golub and LeVeque's rule for two groups."""
        total = self.count + other.count
        if total:
            shift = other.mean - self.mean
            between = shift.square() * (self.count * other.count / total)
            self.scatter = self.scatter + other.scatter + between
            self.mean = self.mean + shift * (other.count / total)
            self.count = total

    def deviation(self) -> Tensor:
        """Standard deviation a channel; 1 where a channel never changes."""
        deviation = (self.scatter / max(1, self.count)).sqrt()
        return torch.where(deviation > 1e-8, deviation, torch.ones_like(deviation))

    def as_json(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "mean": self.mean.tolist(),
            "scatter": self.scatter.tolist(),
        }
