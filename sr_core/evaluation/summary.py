"""Figures of many clips: counts are pooled, the rest is the clips' mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .distances import frechet_distance, mmd
from .onsets import f1, offset_histogram
from .scores import Scores

Figures = dict[str, Any]  # numbers; None where the clips cannot tell


class Line(NamedTuple):
    """One line of the table: the figure's key, its words, and how it is written."""

    key: str
    words: str
    form: str


LINES = (
    Line("onset_f1", "onset F1, +-66 ms", ".3f"),
    Line("onsets_per_s", "onsets a second", ".2f"),
    Line("offset_median_ms", "onset offset, median ms", "+.0f"),
    Line("event_f1", "onset F1 against the log", ".3f"),
    Line("shot_auc", "shot AUC", ".3f"),
    Line("shot_peak_share", "shot peaks within 2 frames", ".3f"),
    Line("envelope_r", "loudness envelope r", ".3f"),
    Line("level_error_db", "level difference, mean |dB|", ".2f"),
    Line("level_db", "level dB", ".1f"),
    Line("mel_db", "log-mel distance dB", ".2f"),
    Line("mel_spread_ratio", "log-mel spread ratio", ".2f"),
    Line("stft_distance", "MR-STFT distance", ".3f"),
    Line("frechet", "Frechet distance", ".2f"),
    Line("mmd", "MMD x 1000", ".2f"),
    Line("frechet_side", "Frechet distance, L-R", ".2f"),
    Line("channel_level_error_db", "L/R level error dB", ".2f"),
    Line("channel_time_error_ms", "L/R time error ms", ".3f"),
    Line("side_mid_error_db", "side/mid error dB", ".2f"),
    Line("side_mid_db", "side/mid dB", ".1f"),
    Line("right_side_share", "lone sounds: right side", ".3f"),
    Line("right_side_in_view", "the same, in view", ".3f"),
    Line("ms_per_frame", "ms a frame, with decoding", ".1f"),
)


def summarise(scores: Sequence[Scores]) -> Figures:
    """Figures of one sound over clips, at least one."""
    found, wanted = sum(s.found for s in scores), sum(s.wanted for s in scores)
    with_log = [s for s in scores if s.logged]
    wins = [win for s in scores for win in s.shots.wins]
    sides = [side for s in scores for side in s.right_sides]
    seen_sides = [side for s in scores for side in s.right_sides_in_view]
    offsets = torch.cat([s.offsets for s in scores])
    return {
        "onset_f1": f1(sum(s.matched for s in scores), found, wanted),
        "onsets_per_s": found / sum(s.seconds for s in scores),
        "offset_median_ms": float(offsets.median() * 1000) if len(offsets) else None,
        "offset_histogram": offset_histogram(offsets),
        "event_f1": f1(
            sum(s.logged_matched for s in with_log),
            sum(s.found for s in with_log),
            sum(s.logged for s in with_log),
        ),
        "shot_auc": _mean(wins),
        "shot_peak_share": _mean([float(hit) for s in scores for hit in s.shots.hits]),
        "isolated_shots": len(wins),
        "envelope_r": _mean([s.envelope_r for s in scores]),
        "level_error_db": _mean([abs(s.level_db - s.reference_level_db) for s in scores]),
        "level_db": _mean([s.level_db for s in scores]),
        "mel_db": _mean([s.mel_db for s in scores]),
        "mel_spread_ratio": _ratio(
            sum(s.spread_db for s in scores), sum(s.reference_spread_db for s in scores)
        ),
        "stft_distance": _mean([s.stft for s in scores]),
        "channel_level_error_db": _mean([s.channel_level_error_db for s in scores]),
        "channel_time_error_ms": _mean([s.channel_time_error_ms for s in scores]),
        "side_mid_error_db": _mean([abs(s.side_mid_db - s.reference_side_mid_db) for s in scores]),
        "side_mid_db": _mean([s.side_mid_db for s in scores]),
        "right_side_share": _mean(sides),
        "lone_sounds": len(sides),
        "right_side_in_view": _mean(seen_sides),
        "lone_sounds_in_view": len(seen_sides),
    }


def compare_clouds(points: Tensor, reference: Tensor) -> Figures:  # (n d), (m d)
    return {"frechet": frechet_distance(points, reference), "mmd": mmd(points, reference)}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _ratio(value: float, reference: float) -> float | None:
    return value / reference if reference > 0 else None
