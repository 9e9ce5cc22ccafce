"""Confidence intervals of metrics: percentile bootstrap over clips."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from einops import einsum, rearrange
from torch import Tensor

from ..metrics.distances import frechet_from_moments, kernel_mean, mmd_of

RESAMPLES = 1000
CLOUD_RESAMPLES = 200  # for distances between sets, of which each solves an eigenvalue problem
SHARE = 0.95  # coverage of an interval
WIDEST = 128  # largest width of embeddings that are resampled

Interval = tuple[float, float]


def resamples(clips: int, count: int = RESAMPLES, seed: int = 0) -> Tensor:  # -> (b n)
    """Bootstrap counts: how often each clip is in each of `count` draws with replacement.

    Each draw has as many clips as the set (Efron and Tibshirani, An Introduction to the Bootstrap,
    sec. 13.3). Whole clips are drawn because values within one clip are not independent.
    Deterministic for a seed.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(clips, (count, clips), generator=generator)
    return torch.zeros(count, clips, dtype=torch.float64).scatter_add_(
        1, drawn, torch.ones(count, clips, dtype=torch.float64)
    )


def percentiles(
    values: Tensor, share: float = SHARE
) -> Interval | None:  # (b), NaN: undefined in that draw
    """Limits of the central `share` of the values that are not NaN; None where all are NaN."""
    known = values[~values.isnan()]
    if not len(known):
        return None
    low, high = known.quantile(torch.tensor([(1 - share) / 2, (1 + share) / 2]).to(known)).tolist()
    return low, high


def ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float], share: float = SHARE
) -> Interval | None:  # one of each per clip
    """Interval of sum(numerators) / sum(denominators).

    None where fewer than two clips have a denominator above 0.
    """
    if sum(value > 0 for value in denominators) < 2:
        return None
    both = torch.tensor([numerators, denominators], dtype=torch.float64)
    top, bottom = einsum(resamples(len(numerators)), both, "b n, f n -> f b")
    return percentiles(top / bottom.where(bottom > 0, torch.nan), share)


def frechet_interval(
    points: Sequence[Tensor], reference: Sequence[Tensor], paired: bool
) -> Interval | None:  # each (n d), one per clip
    """Interval of the Frechet distance between two sets of clips; `paired`: same draws for both.

    None where a set has fewer than two clips, and for embeddings wider than WIDEST, for which
    resampling would be too slow.
    """
    if min(len(points), len(reference)) < 2 or points[0].shape[1] > WIDEST:
        return None
    both = torch.cat(_draws(points, reference, paired), dim=1)
    once, indices = both.unique(dim=0, return_inverse=True)  # few clips have few distinct draws
    mine, real = once.split([len(points), len(reference)], dim=1)
    draws = zip(*_moments(points, mine), *_moments(reference, real), strict=True)
    distances = [frechet_from_moments(*moments) for moments in draws]
    return percentiles(torch.tensor(distances, dtype=torch.float64)[indices])


def mmd_interval(
    points: Sequence[Tensor], reference: Sequence[Tensor], paired: bool
) -> Interval | None:  # each (n d), one per clip
    """Interval of the squared MMD x 1000; kernel means between clips are computed only once.

    None where a set has fewer than two clips.
    """
    if min(len(points), len(reference)) < 2:
        return None
    mine, real = _draws(points, reference, paired)
    squared = _kernel_means(points, points, mine, mine)
    squared = squared + _kernel_means(reference, reference, real, real)
    return percentiles(mmd_of(squared - 2 * _kernel_means(points, reference, mine, real)))


def _draws(
    points: Sequence[Tensor], reference: Sequence[Tensor], paired: bool
) -> tuple[Tensor, Tensor]:
    mine = resamples(len(points), CLOUD_RESAMPLES)
    return mine, mine if paired else resamples(len(reference), CLOUD_RESAMPLES, seed=1)


def _moments(points: Sequence[Tensor], draws: Tensor) -> tuple[Tensor, Tensor]:
    """Means (b d) and covariances (b d d) of the points in each draw of clips."""
    sums = torch.stack([own.double().sum(0) for own in points])
    squares = torch.stack([own.double().T @ own.double() for own in points])
    total = rearrange(draws @ _counts(points), "b -> b 1 1")
    mean = draws @ sums / total[:, 0]
    outer = einsum(mean, mean, "b d, b e -> b d e")
    second = einsum(draws, squares, "b n, n d e -> b d e")
    return mean, (second - total * outer) / (total - 1)


def _kernel_means(
    x: Sequence[Tensor], y: Sequence[Tensor], x_draws: Tensor, y_draws: Tensor
) -> Tensor:  # -> (b)
    """Mean of the kernel over all pairs of points in each draw."""
    between = torch.tensor([[kernel_mean(p, q) for q in y] for p in x], dtype=torch.float64)
    left, right = x_draws * _counts(x), y_draws * _counts(y)
    total = einsum(left, between, right, "b n, n m, b m -> b")
    return total / (left.sum(1) * right.sum(1))


def _counts(points: Sequence[Tensor]) -> Tensor:  # -> (n)
    return torch.tensor([len(own) for own in points], dtype=torch.float64)
