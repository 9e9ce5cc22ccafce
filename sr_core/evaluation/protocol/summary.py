"""Summary of the scores of many clips: counts are pooled, other metrics averaged over clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..metrics.clip_metrics import Scores
from ..metrics.distances import frechet_distance, mmd
from ..metrics.onsets import offset_histogram
from .intervals import frechet_interval, mmd_interval, ratio_interval

Figures = dict[str, Any]  # metric -> value; None where undefined
Pair = tuple[float, float]


class Line(NamedTuple):
    """One line of the table: key of the metric, label, and number format."""

    key: str
    words: str
    form: str


LINES = (
    Line("onset_f1", "onset F1, +-66 ms", ".3f"),
    Line("onset_f1_close", "onset F1, +-50 ms", ".3f"),
    Line("onsets_per_s", "onsets per second", ".2f"),
    Line("offset_median_ms", "onset offset, median ms", "+.0f"),
    Line("event_f1", "onset F1 against the log", ".3f"),
    Line("shot_auc", "shot AUC", ".3f"),
    Line("shot_peak_share", "shot peaks within 2 frames", ".3f"),
    Line("envelope_r", "loudness envelope r", ".3f"),
    Line("level_error_db", "level difference, mean |dB|", ".2f"),
    Line("level_difference_db", "level difference dB", "+.2f"),
    Line("frame_level_difference_db", "the same, mean of frames' dB", "+.2f"),
    Line("level_db", "level dB", ".1f"),
    Line("loudness_difference_lu", "loudness difference LU (BS.1770)", "+.2f"),
    Line("loudness_lufs", "loudness LUFS", ".1f"),
    Line("silent_share", "silent frames (below -55 dB)", ".3f"),
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
    Line("ms_per_frame", "ms per frame, with decoding", ".1f"),
)


def summarise(scores: Sequence[Scores]) -> Figures:
    """Metrics of one kind of sound over one or more clips; "intervals": those defined, by key."""
    shares = {name: tuple(zip(*pairs, strict=True)) for name, pairs in _pooled(scores)}
    offsets = torch.cat([s.offsets for s in scores])
    figures: Figures = {name: _ratio(sum(a), sum(b)) for name, (a, b) in shares.items()}
    found = {name: ratio_interval(a, b) for name, (a, b) in shares.items()}
    return figures | {
        "offset_median_ms": float(offsets.median() * 1000) if len(offsets) else None,
        "offset_histogram": offset_histogram(offsets),
        "isolated_shots": sum(len(s.shots.wins) for s in scores),
        "lone_sounds": sum(len(s.right_sides) for s in scores),
        "lone_sounds_in_view": sum(len(s.right_sides_in_view) for s in scores),
        "intervals": {name: interval for name, interval in found.items() if interval},
    }


def ms_per_frame(seconds: Sequence[float], frames: Sequence[int]) -> float | None:
    """Milliseconds of generation per frame over all clips; None where nothing was generated."""
    return _ratio(1000 * sum(seconds), sum(frames)) if any(seconds) else None


def compare_clouds(
    points: Sequence[Tensor], reference: Sequence[Tensor], paired: bool
) -> Figures:  # each (n d), one per clip
    """Distances between two sets of clips; `paired`: both sets come from the same clips."""
    mine, real = torch.cat(list(points)), torch.cat(list(reference))
    found = {
        "frechet": frechet_interval(points, reference, paired),
        "mmd": mmd_interval(points, reference, paired),
    }
    return {
        "frechet": frechet_distance(mine, real),
        "mmd": mmd(mine, real),
        "intervals": {name: interval for name, interval in found.items() if interval},
    }


def _pooled(scores: Sequence[Scores]) -> Iterator[tuple[str, list[Pair]]]:
    """Metrics that are a ratio of two sums over clips: one (numerator, denominator) per clip."""
    yield "onset_f1", [(2 * s.matched, s.found + s.wanted) for s in scores]
    yield "onset_f1_close", [(2 * s.matched_close, s.found + s.wanted) for s in scores]
    yield "onsets_per_s", [(s.found, s.seconds) for s in scores]
    yield "event_f1", [_event_pair(s) for s in scores]
    yield "mel_spread_ratio", [(s.spread_db, s.reference_spread_db) for s in scores]
    lists: dict[str, list[Sequence[float]]] = {
        "shot_auc": [s.shots.wins for s in scores],
        "shot_peak_share": [s.shots.hits for s in scores],
        "right_side_share": [s.right_sides for s in scores],
        "right_side_in_view": [s.right_sides_in_view for s in scores],
    }
    for name, values in lists.items():
        yield name, [(float(sum(own)), len(own)) for own in values]
    for name, each in _averaged(scores).items():
        yield name, [(0.0, 0) if value is None else (value, 1) for value in each]


def _averaged(scores: Sequence[Scores]) -> dict[str, list[float | None]]:
    """Metrics that are averaged over clips: one value per clip; None is left out."""
    differences = [s.level_db - s.reference_level_db for s in scores]
    return {
        "envelope_r": [s.envelope_r for s in scores],
        "level_error_db": [abs(difference) for difference in differences],
        "level_difference_db": list(differences),
        "frame_level_difference_db": [
            s.frame_level_db - s.reference_frame_level_db for s in scores
        ],
        "level_db": [s.level_db for s in scores],
        "loudness_difference_lu": [_loudness_difference(s) for s in scores],
        "loudness_lufs": [s.loudness_lufs for s in scores],
        "silent_share": [s.silent for s in scores],
        "mel_db": [s.mel_db for s in scores],
        "stft_distance": [s.stft for s in scores],
        "channel_level_error_db": [s.channel_level_error_db for s in scores],
        "channel_time_error_ms": [s.channel_time_error_ms for s in scores],
        "side_mid_error_db": [abs(s.side_mid_db - s.reference_side_mid_db) for s in scores],
        "side_mid_db": [s.side_mid_db for s in scores],
    }


def _loudness_difference(s: Scores) -> float | None:
    if s.loudness_lufs is None or s.reference_loudness_lufs is None:
        return None
    return s.loudness_lufs - s.reference_loudness_lufs


def _event_pair(s: Scores) -> Pair:
    return (2 * s.logged_matched, s.found + s.logged) if s.logged else (0, 0)


def _ratio(value: float, reference: float) -> float | None:
    return value / reference if reference > 0 else None
