"""Synchronisation with logged shots: whether the spectrum rises at the frame of a shot."""

from __future__ import annotations

from typing import NamedTuple

from einops import rearrange
from torch import Tensor

from ...rates import FRAME_RATE
from .mel import MEL_RATE

COLUMNS = MEL_RATE // FRAME_RATE  # mel columns per frame
ISOLATED = 5  # frames, 167 ms: an isolated shot has no other shot this close
CLEAR = 3  # frames: distance to shots that baseline frames exceed
LATE = 2  # frames: largest distance of a peak from its shot


class ShotScores(NamedTuple):
    """One entry per isolated shot."""

    wins: list[float]  # share of baseline frames at which the spectrum rises less than at the shot
    hits: list[bool]  # whether the highest rise within ISOLATED frames is within LATE frames


def frame_rises(strength: Tensor) -> Tensor:  # (t), at 120 Hz -> (t), at 30 Hz
    """The highest onset strength in each complete frame."""
    count = len(strength) // COLUMNS
    return rearrange(strength[: count * COLUMNS], "(t n) -> t n", n=COLUMNS).amax(1)


def score_shots(strength: Tensor, shots: list[float] | tuple[float, ...]) -> ShotScores:
    """Scores an onset strength (t) at 120 Hz against shots in seconds.

    A shot is isolated if no other *shot* is logged within 5 frames. Other sounds may be that close
    (only 12 of 121 shots in our clips have none), so the real sound scores below 1 and must be
    reported too. Baseline frames are more than 3 frames from every shot. The rise at a shot is the
    highest in its frame and the next one. The mean of `wins` is the AUC, at chance 0.5; the mean
    of `hits` is 5/11 at chance.
    """
    rises = frame_rises(strength)
    count = len(rises)
    pairs = rises.clone()
    pairs[:-1] = rises[:-1].maximum(rises[1:])
    frames = sorted({round(shot * FRAME_RATE) for shot in shots} & set(range(count)))
    baseline = [k for k in range(count) if all(abs(k - shot) > CLEAR for shot in frames)]
    scores = ShotScores([], [])
    for shot in frames:
        if any(0 < abs(other - shot) <= ISOLATED for other in frames) or not baseline:
            continue
        lower = (pairs[baseline] < pairs[shot]).float() + (pairs[baseline] == pairs[shot]) / 2
        first = max(0, shot - ISOLATED)
        highest = first + int(rises[first : shot + ISOLATED + 1].argmax())
        scores.wins.append(float(lower.mean()))
        scores.hits.append(abs(highest - shot) <= LATE)
    return scores
