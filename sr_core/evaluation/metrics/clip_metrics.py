"""All metrics of one sound against one reference, as counts and sums that can be pooled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ...audio.limiter import true_peak_db
from ...rates import SAMPLE_RATE
from .distances import mel_distance, mel_spread, stft_distance
from .embeddings import Embed
from .events import EventLog
from .loudness import (
    SILENCE_DB,
    envelope_correlation,
    level_db,
    loudness_envelope,
    loudness_lufs,
    silent_share,
)
from .mel import log_mel
from .mel_nats import log_mel_nats
from .onsets import CLOSE_SECONDS, count_matches, find_onsets, onset_offsets, onset_strength
from .shifted_onsets import shifted_onset_wins
from .stereo import (
    clearly_heard,
    level_differences_db,
    mean_error,
    right_sides,
    side_mid_db,
    time_differences_ms,
)
from .sync import ShotScores, frame_rises, score_shots


class Analysed(NamedTuple):
    """A sound and the features that several metrics share, computed once."""

    waveform: Tensor  # (2 s)
    mel: Tensor  # (m t) dB
    mel_nats: Tensor  # (m t), other bands than those of `mel`
    strength: Tensor  # (t) dB
    onsets: Tensor  # (n) seconds
    loudness_lufs: float | None
    points: Tensor  # (n d), embeddings of the sound
    side_points: Tensor  # (n d), embeddings of (left - right) / 2

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
        log_mel_nats(waveform),
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
    found: int  # onsets of the sound
    wanted: int  # onsets of the reference
    matched: int  # pairs of these within 66 ms
    matched_close: int  # pairs of these within 50 ms
    offsets: Tensor  # (n) seconds
    onset_wins: list[float]  # of the reference's onsets against the same, shifted
    logged: int  # start times in the event log, 0 without a log
    logged_matched: int  # pairs of an onset and a logged start time within 66 ms
    shots: ShotScores
    envelope_r: float | None
    mel_db: float
    spread_db: float
    reference_spread_db: float
    mel_nats: float
    spread_nats: float
    reference_spread_nats: float
    level_db: float
    reference_level_db: float
    loudness_lufs: float | None
    reference_loudness_lufs: float | None
    true_peak_db: float  # at least -80 dB
    silent: float  # share of frames below -55 dB
    frame_level_db: float  # mean over frames of their levels, each at least -60 dB
    reference_frame_level_db: float
    stft: float
    channel_level_error_db: float | None
    channel_time_error_ms: float | None
    side_mid_db: float
    reference_side_mid_db: float
    right_sides: list[float]
    right_sides_in_view: list[float]


def score(sound: Analysed, reference: Analysed, log: EventLog | None) -> Scores:
    """Computes every metric; both sounds have the same length."""
    x, y = sound.waveform, reference.waveform
    times = torch.tensor(log.times if log else [], dtype=torch.float64)
    envelope, reference_envelope = loudness_envelope(x), loudness_envelope(y)
    off_axis = clearly_heard(y, log.lone_off_axis()) if log else []
    return Scores(
        seconds=reference.seconds,
        found=len(sound.onsets),
        wanted=len(reference.onsets),
        matched=count_matches(sound.onsets, reference.onsets),
        matched_close=count_matches(sound.onsets, reference.onsets, CLOSE_SECONDS),
        offsets=onset_offsets(sound.onsets, reference.onsets),
        onset_wins=shifted_onset_wins(frame_rises(sound.strength), reference.onsets),
        logged=len(times),
        logged_matched=count_matches(sound.onsets, times),
        shots=score_shots(sound.strength, log.shots if log else ()),
        envelope_r=envelope_correlation(envelope, reference_envelope),
        mel_db=mel_distance(sound.mel, reference.mel),
        spread_db=mel_spread(sound.mel),
        reference_spread_db=mel_spread(reference.mel),
        mel_nats=mel_distance(sound.mel_nats, reference.mel_nats),
        spread_nats=mel_spread(sound.mel_nats),
        reference_spread_nats=mel_spread(reference.mel_nats),
        level_db=level_db(x),
        reference_level_db=level_db(y),
        loudness_lufs=sound.loudness_lufs,
        reference_loudness_lufs=reference.loudness_lufs,
        true_peak_db=max(true_peak_db(x), SILENCE_DB),
        silent=silent_share(envelope),
        frame_level_db=float(envelope.mean()),
        reference_frame_level_db=float(reference_envelope.mean()),
        stft=stft_distance(x, y),
        channel_level_error_db=mean_error(level_differences_db(x), level_differences_db(y)),
        channel_time_error_ms=mean_error(time_differences_ms(x), time_differences_ms(y)),
        side_mid_db=side_mid_db(x),
        reference_side_mid_db=side_mid_db(y),
        right_sides=right_sides(x, off_axis),
        right_sides_in_view=right_sides(x, [event for event in off_axis if event.in_view]),
    )
