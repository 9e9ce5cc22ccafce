"""The baseline 'hiss': a constant spectrum and level, the medians of the clips of a group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..metrics.clip_metrics import Analysed
from ..metrics.distances import mel_distance
from ..metrics.loudness import loudness_envelope, silent_share
from ..metrics.mel import log_mel
from ..metrics.mel_nats import log_mel_nats
from .intervals import ratio_interval


class Constants(NamedTuple):
    """Medians over time of a clip's spectrum and level, or the medians of these over clips."""

    mel: Tensor  # (m 1) dB
    mel_nats: Tensor  # (m 1)
    level_db: Tensor  # (1), of frames


class HissScores(NamedTuple):
    """Metrics of a hiss against one clip; the names are the keys of the results."""

    silent_share: float
    frame_level_difference_db: float
    mel_nats: float
    mel_db: float


def constants_of(waveform: Tensor) -> Constants:  # (2 s), at least one frame
    over_time = (log_mel(waveform), log_mel_nats(waveform), loudness_envelope(waveform))
    return Constants(*(each.median(dim=-1, keepdim=True).values for each in over_time))


def hiss_of(clips: Sequence[Constants]) -> Constants:
    """The hiss of a group of clips."""
    return Constants(*(torch.stack(each).quantile(0.5, dim=0) for each in zip(*clips, strict=True)))


def score_hiss(hiss: Constants, reference: Analysed) -> HissScores:
    levels = loudness_envelope(reference.waveform)
    return HissScores(
        silent_share(hiss.level_db),
        float((hiss.level_db - levels).mean()),
        mel_distance(hiss.mel_nats, reference.mel_nats),
        mel_distance(hiss.mel, reference.mel),
    )


def hiss_figures(scores: Sequence[HissScores]) -> dict[str, Any]:
    """Metrics of the hiss over clips; its spread is 0 by definition."""
    count = [1] * len(scores)
    values = {name: [getattr(s, name) for s in scores] for name in HissScores._fields}
    found = {name: ratio_interval(each, count) for name, each in values.items()}
    figures = {name: sum(each) / len(each) for name, each in values.items()}
    intervals = {name: interval for name, interval in found.items() if interval}
    return figures | {"spread_ratio": 0.0, "mel_spread_ratio": 0.0, "intervals": intervals}
