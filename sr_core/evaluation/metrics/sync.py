"""Sound against logged shots: does the spectrum rise where the picture shows one."""

from __future__ import annotations

from typing import NamedTuple

from einops import rearrange
from torch import Tensor

from ...rates import FRAME_RATE
from .mel import MEL_RATE

COLUMNS = MEL_RATE // FRAME_RATE
ISOLATED = 5  # frames, 167 ms, without another shot on either side
CLEAR = 3  # frames; what is closer to a shot is not elsewhere
LATE = 2  # frames by which a peak may miss its shot


class ShotScores(NamedTuple):
    """One number for each isolated shot."""

    wins: list[float]  # share of the moments elsewhere at which the spectrum rises less
    hits: list[bool]  # the highest rise within ISOLATED frames is within LATE frames


def score_shots(strength: Tensor, shots: list[float] | tuple[float, ...]) -> ShotScores:
    """Score an onset strength (t) at 120 Hz against shots in seconds.

    A shot is isolated if no other *shot* is logged within 5 frames; other sounds may be (dense
    play hardly ever leaves a shot alone, 12 of 121 in our clips), which is why real sound does
    not reach 1 and has to stand beside. The rise at a shot is the highest in its frame and the
    next one. The mean of `wins` is the AUC: chance 0.5; that of `hits` has chance 5/11.
    """
    count = len(strength) // COLUMNS
    rises = rearrange(strength[: count * COLUMNS], "(t n) -> t n", n=COLUMNS).amax(1)
    pairs = rises.clone()
    pairs[:-1] = rises[:-1].maximum(rises[1:])
    frames = sorted({round(shot * FRAME_RATE) for shot in shots} & set(range(count)))
    elsewhere = [k for k in range(count) if all(abs(k - shot) > CLEAR for shot in frames)]
    scores = ShotScores([], [])
    for shot in frames:
        if any(0 < abs(other - shot) <= ISOLATED for other in frames) or not elsewhere:
            continue
        lower = (pairs[elsewhere] < pairs[shot]).float() + (pairs[elsewhere] == pairs[shot]) / 2
        first = max(0, shot - ISOLATED)
        highest = first + int(rises[first : shot + ISOLATED + 1].argmax())
        scores.wins.append(float(lower.mean()))
        scores.hits.append(abs(highest - shot) <= LATE)
    return scores
