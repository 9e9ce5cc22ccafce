"""Energy score of sequences: a loss that is minimal where samples have the data's distribution."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

SMOOTH = 1e-6  # added to a squared distance, so that the gradient at 0 is finite


def energy_score(
    one: Tensor,
    other: Tensor,
    real: Tensor,
    scales: Sequence[int] = (1,),
    dispersions: Sequence[float] = (),
) -> Tensor:  # 3 x (b t d) -> (b)
    """Energy score of two independent samples of a sequence, given the real one.

    (|y1 - x| + |y2 - x| - dispersion |y1 - y2|) / 2 in expectation is minimal, for dispersion 1,
    where y has the distribution of x (Gneiting and Raftery, 2007, eq. 22). A smaller dispersion
    gives samples that are closer to the median; each scale has its own, 1 where none are given.
    The score is averaged over features of `features_of`, so levels over several frames and changes
    between frames have the data's distribution too.
    """
    total = real.new_zeros(len(real))
    groups = zip(*(features_of(x, scales) for x in (one, other, real)), strict=True)
    per_scale = dispersions or [1.0] * len(scales)
    each = [dispersion for dispersion in per_scale for _ in range(2)]  # means and differences
    for (first, second, target), dispersion in zip(groups, each, strict=True):
        near = _distance(first, target) + _distance(second, target)
        total = total + (near - dispersion * _distance(first, second)) / 2
    return total / (2 * len(scales))


def features_of(x: Tensor, scales: Sequence[int]) -> list[Tensor]:  # (b t d) -> each (b p d)
    """Means over `scale` consecutive frames, and the differences of consecutive means.

    A mean is multiplied by scale^(1/4): between 1, which fits frames that are equal, and
    scale^(1/2), which fits independent ones. Frames after the last complete mean are ignored.
    """
    features = []
    for scale in scales:
        whole = x[:, : x.shape[1] // scale * scale]
        means = whole.unflatten(1, (-1, scale)).mean(dim=2) * scale**0.25
        features += [means, means[:, 1:] - means[:, :-1]]
    return features


def _distance(x: Tensor, y: Tensor) -> Tensor:  # 2 x (b p d) -> (b)
    """Euclidean distance, averaged over positions; 0 without positions."""
    if x.shape[1] == 0:
        return x.new_zeros(len(x))
    return ((x - y).square().sum(dim=-1) + SMOOTH).sqrt().mean(dim=1)
