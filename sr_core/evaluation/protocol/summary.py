"""Summary of the scores of many clips: counts are pooled, other metrics averaged over clips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    Line("silent_share", "silent frames", ".3f"),
    Line("frame_level_difference_db", "level, dB", "+.2f"),
    Line("mel_nats", "log-mel, nats", ".3f"),
    Line("spread_ratio", "spread", ".2f"),
    Line("onset_f1", "onset F1, +-66 ms", ".3f"),
    Line("onset_f1_close", "onset F1, +-50 ms", ".3f"),
    Line("shifted_onset_auc", "shifted-onset AUC", ".3f"),
    Line("onsets_per_s", "onsets per second", ".2f"),
    Line("offset_median_ms", "onset offset, median ms", "+.0f"),
    Line("event_f1", "onset F1 against the log", ".3f"),
    Line("shot_auc", "shot AUC", ".3f"),
    Line("shot_peak_share", "shot peaks within 2 frames", ".3f"),
    Line("envelope_r", "loudness envelope r", ".3f"),
    Line("level_error_db", "clip level, mean |difference| dB", ".2f"),
    Line("level_difference_db", "clip level, difference dB", "+.2f"),
    Line("level_db", "clip level dB", ".1f"),
    Line("loudness_difference_lu", "loudness difference LU (BS.1770)", "+.2f"),
    Line("loudness_lufs", "loudness LUFS", ".1f"),
    Line("true_peak_db", "true peak dB, largest", "+.1f"),
    Line("mel_db", "log-mel distance dB", ".2f"),
    Line("mel_spread_ratio", "log-mel spread ratio, in dB", ".2f"),
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


def summarise(clips: Sequence[Sequence[Scores]]) -> Figures:
    """Metrics of one kind of sound over clips, each with scores for one or more seeds.

    A clip counts once: its values are means over its seeds. "intervals": those defined, by key.
    """
    pairs = [_clip_pairs(seeds) for seeds in clips]
    shares = {name: tuple(zip(*(own[name] for own in pairs), strict=True)) for name in pairs[0]}
    offsets = torch.cat([s.offsets for seeds in clips for s in seeds])
    figures: Figures = {name: _ratio(sum(a), sum(b)) for name, (a, b) in shares.items()}
    found = {name: ratio_interval(a, b) for name, (a, b) in shares.items()}
    return figures | {
        "offset_median_ms": float(offsets.median() * 1000) if len(offsets) else None,
        "offset_histogram": offset_histogram(offsets),
        "true_peak_db": max(s.true_peak_db for seeds in clips for s in seeds),
        "isolated_shots": sum(len(seeds[0].shots.wins) for seeds in clips),
        "lone_sounds": sum(len(seeds[0].right_sides) for seeds in clips),
        "lone_sounds_in_view": sum(len(seeds[0].right_sides_in_view) for seeds in clips),
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


def _clip_pairs(seeds: Sequence[Scores]) -> dict[str, Pair]:
    """Numerator and denominator of every metric of a clip: means over its seeds."""
    pooled, averaged = [_pooled(s) for s in seeds], [_averaged(s) for s in seeds]
    pairs = {name: _mean(each[name] for each in pooled) for name in pooled[0]}
    for name in averaged[0]:
        known = [(value, 1.0) for each in averaged if (value := each[name]) is not None]
        pairs[name] = _mean(known) if known else (0.0, 0.0)
    return pairs


def _mean(pairs: Iterable[Pair]) -> Pair:
    above, below = zip(*pairs, strict=True)
    return sum(above) / len(above), sum(below) / len(below)


def _pooled(s: Scores) -> dict[str, Pair]:
    """Metrics that are a ratio of two sums over clips: (numerator, denominator)."""
    lists: dict[str, Sequence[float]] = {
        "shifted_onset_auc": s.onset_wins,
        "shot_auc": s.shots.wins,
        "shot_peak_share": s.shots.hits,
        "right_side_share": s.right_sides,
        "right_side_in_view": s.right_sides_in_view,
    }
    return {
        "onset_f1": (2 * s.matched, s.found + s.wanted),
        "onset_f1_close": (2 * s.matched_close, s.found + s.wanted),
        "onsets_per_s": (s.found, s.seconds),
        "event_f1": (2 * s.logged_matched, s.found + s.logged) if s.logged else (0, 0),
        "mel_spread_ratio": (s.spread_db, s.reference_spread_db),
        "spread_ratio": (s.spread_nats, s.reference_spread_nats),
    } | {name: (float(sum(values)), len(values)) for name, values in lists.items()}


def _averaged(s: Scores) -> dict[str, float | None]:
    """Metrics that are averaged over clips; None is left out."""
    difference = s.level_db - s.reference_level_db
    return {
        "envelope_r": s.envelope_r,
        "level_error_db": abs(difference),
        "level_difference_db": difference,
        "frame_level_difference_db": s.frame_level_db - s.reference_frame_level_db,
        "level_db": s.level_db,
        "loudness_difference_lu": _loudness_difference(s),
        "loudness_lufs": s.loudness_lufs,
        "silent_share": s.silent,
        "mel_db": s.mel_db,
        "mel_nats": s.mel_nats,
        "stft_distance": s.stft,
        "channel_level_error_db": s.channel_level_error_db,
        "channel_time_error_ms": s.channel_time_error_ms,
        "side_mid_error_db": abs(s.side_mid_db - s.reference_side_mid_db),
        "side_mid_db": s.side_mid_db,
    }


def _loudness_difference(s: Scores) -> float | None:
    if s.loudness_lufs is None or s.reference_loudness_lufs is None:
        return None
    return s.loudness_lufs - s.reference_loudness_lufs


def _ratio(value: float, reference: float) -> float | None:
    return value / reference if reference > 0 else None
