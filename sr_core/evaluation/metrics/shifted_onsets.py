"""Shifted-onset AUC: whether a score is higher at a clip's onsets than at the same, shifted."""

from __future__ import annotations

import torch
from torch import Tensor

from ...rates import FRAME_RATE

NEAREST = FRAME_RATE // 2  # frames, 0.5 s: the smallest shift, in either direction
SHORTEST = 2 * FRAME_RATE  # frames, 2 s: shorter clips have too few shifts


def shifted_onset_wins(scores: Tensor, onsets: Tensor) -> list[float]:
    """Per onset: the share of shifted onsets with a lower score, and half of those with the same.

    `scores` (t) has one value per frame at 30 Hz, of a sound or of a picture; `onsets` (n) are
    those of the real sound in seconds. The score at a time is the highest within one frame of its
    frame. The shifted onsets are all of the clip's, moved round its end by every number of frames
    from 0.5 s to 0.5 s less than the clip. The mean of the result is the AUC P(score at an onset >
    score at a shifted one) + P(same) / 2. Its mean over all rotations of `scores` is 0.5 exactly,
    however dense or regular onsets and scores are. The real sound itself scores below 1, because
    shifted onsets meet other onsets. Empty with fewer than two onsets, or less than 2 s.
    """
    count = len(scores)
    if len(onsets) < 2 or count < SHORTEST:
        return []
    highest = torch.stack([scores.roll(-1), scores, scores.roll(1)]).amax(0)
    frames = (onsets * FRAME_RATE).round().long().clamp(0, count - 1)
    values, ranks = highest.unique(return_inverse=True)
    weights = torch.zeros(len(values), dtype=torch.float64)
    weights.index_add_(0, ranks, _shifted(frames, count))
    lower = weights.cumsum(0) - weights / 2
    return (lower[ranks[frames]] / weights.sum()).tolist()


def _shifted(frames: Tensor, count: int) -> Tensor:  # (n) -> (count) float64
    """How many of the shifted onsets are in each frame."""
    own = torch.bincount(frames, minlength=count).double()
    near = torch.stack([own.roll(shift) for shift in range(1 - NEAREST, NEAREST)]).sum(0)
    return len(frames) - near
