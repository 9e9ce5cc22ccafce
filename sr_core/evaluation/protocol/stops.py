"""The baseline 'motion stops': the shifted-onset AUC of a score of the picture, without sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ...io.read.frames import Frames
from ..metrics.clip_metrics import Scores
from ..metrics.motion_stops import motion_energy, motion_stops
from ..metrics.shifted_onsets import shifted_onset_wins
from .intervals import SHARE, ratio_interval

AUC = "shifted_onset_auc"
SHARES = {"interval": SHARE, "interval_90": 0.9}

Wins = Sequence[float]  # of the onsets of a clip


def score_stops(frames: Frames, onsets: Tensor) -> list[float]:  # (n) seconds
    return shifted_onset_wins(motion_stops(motion_energy(frames)), onsets)


def stop_figures(clips: Sequence[Wins]) -> dict[str, Any]:
    """The AUC of the baseline over clips, each weighted by its onsets, as for sounds."""
    wins, counts = [sum(own) for own in clips], [len(own) for own in clips]
    found = ratio_interval(wins, counts)
    value = sum(wins) / sum(counts) if sum(counts) else None
    return {AUC: value, "intervals": {AUC: found} if found else {}}


def clip_difference(seeds: Sequence[Scores], stops: Wins) -> float | None:
    """A clip's AUC of a sound, averaged over seeds, minus that of the baseline."""
    wins = [win for scores in seeds for win in scores.onset_wins]
    return sum(wins) / len(wins) - sum(stops) / len(stops) if wins and stops else None


def differences(
    sounds: Mapping[str, Sequence[Sequence[Scores]]], stops: Sequence[Wins]
) -> dict[str, dict[str, Any]]:
    """Per sound: the mean over clips of their differences, with intervals of 95 % and 90 %.

    Each clip has one weight, and the same draws of clips are used for both.
    """
    found = dict[str, dict[str, Any]]()
    for name, clips in sounds.items():
        each = [clip_difference(seeds, own) for seeds, own in zip(clips, stops, strict=True)]
        known = [value for value in each if value is not None]
        ones = [1.0] * len(known)
        ends = {key: ratio_interval(known, ones, share) for key, share in SHARES.items()}
        mean = sum(known) / len(known) if known else None
        found[name] = {"mean": mean, "clips": len(known)} | ends
    return found
