"""Onset detection from increases of the log-mel spectrum."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import avg_pool1d, max_pool1d

from ...rates import FRAME_RATE
from .mel import MEL_RATE

LAG = 4  # columns, 33 ms: one video frame, long enough for a complete attack
RISE_DB = 2.0  # threshold above the local mean; gives 2.6 onsets per second in dense gameplay
NEAR = 8  # columns, 67 ms: an onset is the maximum within this distance
AROUND = 60  # columns, 0.5 s to either side: range of the local mean
LATE_SECONDS = 0.015  # delay of the detector: about half of LAG
TOLERANCE_SECONDS = 0.066  # two frames at 30 Hz, rounded down
CLOSE_SECONDS = 0.05  # the default of mir_eval.onset.f_measure
FARTHEST_SECONDS = 0.25  # largest offset in the histogram
BIN_SECONDS = 1 / FRAME_RATE


def onset_strength(log_mel: Tensor) -> Tensor:  # (m t) dB -> (t) dB
    """Increase of the bands over LAG columns, averaged; decreasing bands count as 0."""
    strength = log_mel.new_zeros(log_mel.shape[1])
    strength[LAG:] = (log_mel[:, LAG:] - log_mel[:, :-LAG]).clamp_min(0).mean(0)
    return strength


def find_onsets(strength: Tensor) -> Tensor:  # (t) -> (n) seconds
    """Times of the peaks RISE_DB or more above the local mean, more than NEAR columns apart."""
    rows = rearrange(strength, "t -> 1 1 t")
    highest = max_pool1d(rows, 2 * NEAR + 1, 1, NEAR)[0, 0]
    mean = avg_pool1d(rows, 2 * AROUND + 1, 1, AROUND, count_include_pad=False)[0, 0]
    columns: list[int] = []
    for column in ((strength == highest) & (strength >= mean + RISE_DB)).nonzero()[:, 0].tolist():
        if not columns or column - columns[-1] > NEAR:
            columns.append(column)
    return (torch.tensor(columns, dtype=torch.float64) / MEL_RATE - LATE_SECONDS).clamp_min(0)


def count_matches(
    onsets: Tensor, others: Tensor, tolerance_seconds: float = TOLERANCE_SECONDS
) -> int:  # (n) and (m), both sorted
    """Largest number of pairs within the tolerance; every onset is in one pair at most."""
    matched, at = 0, 0
    for onset in onsets.tolist():
        while at < len(others) and others[at] < onset - tolerance_seconds:
            at += 1
        if at < len(others) and others[at] <= onset + tolerance_seconds:
            matched, at = matched + 1, at + 1
    return matched


def onset_offsets(onsets: Tensor, others: Tensor) -> Tensor:  # (n), (m) -> (<= n) seconds
    """Delay of each onset relative to the nearest one of `others`, if that is within 0.25 s."""
    if not len(onsets) or not len(others):
        return onsets.new_zeros(0)
    differences = rearrange(onsets, "n -> n 1") - rearrange(others, "m -> 1 m")
    nearest = differences.gather(1, differences.abs().argmin(1, keepdim=True))[:, 0]
    return nearest[nearest.abs() <= FARTHEST_SECONDS]


def offset_histogram(offsets: Tensor) -> dict[str, list[float]]:  # (n) seconds
    """Histogram with bins one frame wide, centred on whole frames: centres in ms, and counts."""
    reach = int(FARTHEST_SECONDS / BIN_SECONDS)
    bins = (offsets / BIN_SECONDS).round().clamp(-reach, reach).long() + reach
    counts = torch.bincount(bins, minlength=2 * reach + 1)
    centres = [round(1000 * BIN_SECONDS * n, 1) for n in range(-reach, reach + 1)]
    return {"offset_ms": centres, "count": counts.tolist()}
