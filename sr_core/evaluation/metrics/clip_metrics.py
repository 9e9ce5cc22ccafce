"""All measures of one sound against one reference: counts and sums that can be pooled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ...rates import SAMPLE_RATE
from .distances import mel_distance_db, mel_spread_db, stft_distance
from .embeddings import Embed
from .events import EventLog
from .loudness import (
    envelope_correlation,
    level_db,
    loudness_envelope,
    loudness_lufs,
    silent_share,
)
from .mel import log_mel
from .onsets import CLOSE_SECONDS, count_matches, find_onsets, onset_offsets, onset_strength
from .stereo import (
    clearly_heard,
    level_differences_db,
    mean_error,
    right_sides,
    side_mid_db,
    time_differences_ms,
)
from .sync import ShotScores, score_shots


class Analysed(NamedTuple):
    """A sound and what all measures need of it, computed once."""

    waveform: Tensor  # (2 s)
    mel: Tensor  # (m t) dB
    strength: Tensor  # (t) dB
    onsets: Tensor  # (n) seconds
    loudness_lufs: float | None
    points: Tensor  # (n d), embeddings
    side_points: Tensor  # (n d), of left minus right

    @property
    def seconds(self) -> float:
        return self.waveform.shape[-1] / SAMPLE_RATE


def analyse(waveform: Tensor, embed: Embed) -> Analysed:  # (2 s)
    mel = log_mel(waveform)
    strength = onset_strength(mel)
    side = (waveform[:1] - waveform[1:]) / 2
    return Analysed(
        waveform,
        mel,
        strength,
        find_onsets(strength),
        loudness_lufs(waveform),
        embed(waveform[None]),
        embed(side[None]),
    )


@dataclass(frozen=True)
class Scores:
    """Metrics of one clip; None where undefined (no event log, mono, silence)."""

    seconds: float
    found: int  # onsets of the sound,
    wanted: int  # of the reference,
    matched: int  # and pairs of them
    matched_close: int  # those of them within 50 ms
    offsets: Tensor  # (n) seconds
    logged: int  # moments of the log, 0 without one
    logged_matched: int
    shots: ShotScores
    envelope_r: float | None
    mel_db: float
    spread_db: float
    reference_spread_db: float
    level_db: float
    reference_level_db: float
    loudness_lufs: float | None
    reference_loudness_lufs: float | None
    silent: float  # share of frames
    frame_level_db: float  # mean over frames, at least -60 dB each
    reference_frame_level_db: float
    stft: float
    channel_level_error_db: float | None
    channel_time_error_ms: float | None
    side_mid_db: float
    reference_side_mid_db: float
    right_sides: list[float]
    right_sides_in_view: list[float]


def score(heard: Analysed, reference: Analysed, log: EventLog | None) -> Scores:
    """Every measure; both sounds have the same length."""
    x, y = heard.waveform, reference.waveform
    times = torch.tensor(log.times if log else [], dtype=torch.float64)
    envelope, reference_envelope = loudness_envelope(x), loudness_envelope(y)
    aside = clearly_heard(y, log.lone_off_axis()) if log else []
    return Scores(
        seconds=reference.seconds,
        found=len(heard.onsets),
        wanted=len(reference.onsets),
        matched=count_matches(heard.onsets, reference.onsets),
        matched_close=count_matches(heard.onsets, reference.onsets, CLOSE_SECONDS),
        offsets=onset_offsets(heard.onsets, reference.onsets),
        logged=len(times),
        logged_matched=count_matches(heard.onsets, times),
        shots=score_shots(heard.strength, log.shots if log else ()),
        envelope_r=envelope_correlation(envelope, reference_envelope),
        mel_db=mel_distance_db(heard.mel, reference.mel),
        spread_db=mel_spread_db(heard.mel),
        reference_spread_db=mel_spread_db(reference.mel),
        level_db=level_db(x),
        reference_level_db=level_db(y),
        loudness_lufs=heard.loudness_lufs,
        reference_loudness_lufs=reference.loudness_lufs,
        silent=silent_share(envelope),
        frame_level_db=float(envelope.mean()),
        reference_frame_level_db=float(reference_envelope.mean()),
        stft=stft_distance(x, y),
        channel_level_error_db=mean_error(level_differences_db(x), level_differences_db(y)),
        channel_time_error_ms=mean_error(time_differences_ms(x), time_differences_ms(y)),
        side_mid_db=side_mid_db(x),
        reference_side_mid_db=side_mid_db(y),
        right_sides=right_sides(x, aside),
        right_sides_in_view=right_sides(x, [sound for sound in aside if sound.in_view]),
    )
