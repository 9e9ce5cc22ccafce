"""Mean and standard deviation of the model's inputs, accumulated over shards."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Moments:
    """Exact mean and variance per channel, accumulated in pieces and merged over machines."""

    def __init__(self, count: int = 0, mean: Any = 0.0, scatter: Any = 0.0):
        self.count = count
        self.mean = torch.as_tensor(mean, dtype=torch.float64)
        self.scatter = torch.as_tensor(scatter, dtype=torch.float64)

    def update(self, rows: Tensor, variance: Tensor | None = None) -> None:  # 2 x (... d)
        """Adds rows; with `variance`, samples from distributions with these means and variances.

        The variance of such samples is the variance of the means plus the mean of the variances.
        """
        # On the CPU, because some devices have no float64.
        rows = rows.detach().cpu().double().flatten(0, -2)
        mean = rows.mean(dim=0)
        scatter = (rows - mean).square().sum(dim=0)
        if variance is not None:
            scatter = scatter + variance.detach().cpu().double().flatten(0, -2).sum(dim=0)
        self.merge(Moments(len(rows), mean, scatter))

    def merge(self, other: Moments) -> None:
        """Adds the moments of another set of rows, by the formula of Chan, Golub and LeVeque."""
        total = self.count + other.count
        if total:
            shift = other.mean - self.mean
            between = shift.square() * (self.count * other.count / total)
            self.scatter = self.scatter + other.scatter + between
            self.mean = self.mean + shift * (other.count / total)
            self.count = total

    def deviation(self) -> Tensor:
        """Standard deviation per channel; 1 for constant channels."""
        deviation = (self.scatter / max(1, self.count)).sqrt()
        return torch.where(deviation > 1e-8, deviation, torch.ones_like(deviation))

    def as_json(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "mean": self.mean.tolist(),
            "scatter": self.scatter.tolist(),
        }
