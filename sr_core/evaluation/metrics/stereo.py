"""Stereo position: level and time differences between channels, and the side-to-mid ratio."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from einops import rearrange, reduce
from torch import Tensor

from ...rates import SAMPLE_RATE
from .events import Sound
from .loudness import decibels

LEVEL_WINDOW = SAMPLE_RATE // 10  # samples
TIME_WINDOW = SAMPLE_RATE // 5  # samples
LARGEST_LAG = SAMPLE_RATE // 1000  # samples: more than the largest interaural delay
AUDIBLE_DB = -60.0
MOST_DB = 30.0  # largest level difference, also where one channel is silent
START = SAMPLE_RATE // 10  # samples: the start of a lone sound, for which energy is measured
LOUDER = 2.0  # least power ratio of the start of a lone sound to what precedes it


def level_differences_db(waveform: Tensor) -> Tensor:  # (2 s) -> (t), NaN where silent
    """Level of left minus right in dB per window of 0.1 s, limited to +-30 dB."""
    whole = waveform.shape[-1] // LEVEL_WINDOW * LEVEL_WINDOW
    power = reduce(waveform[:, :whole].square(), "c (t n) -> c t", "mean", n=LEVEL_WINDOW)
    left, right = decibels(power, AUDIBLE_DB - MOST_DB)
    difference = (left - right).clamp(-MOST_DB, MOST_DB)
    return difference.where(power.sum(0) > 10 ** (AUDIBLE_DB / 10), torch.nan)


def time_differences_ms(waveform: Tensor) -> Tensor:  # (2 s) -> (t), NaN where silent
    """Delay of left relative to right: the peak of GCC-PHAT within +-1 ms, every 0.2 s."""
    whole = waveform.shape[-1] // TIME_WINDOW * TIME_WINDOW
    windows = rearrange(waveform[:, :whole].float(), "c (t n) -> c t n", n=TIME_WINDOW)
    left, right = torch.fft.rfft(windows * torch.hann_window(TIME_WINDOW), 2 * TIME_WINDOW)
    cross = left * right.conj()
    correlation = torch.fft.irfft(cross / cross.abs().clamp_min(1e-12))
    near = torch.cat([correlation[:, -LARGEST_LAG:], correlation[:, : LARGEST_LAG + 1]], dim=1)
    lags = (near.argmax(1) - LARGEST_LAG) * 1000 / SAMPLE_RATE
    quieter = reduce(windows.square(), "c t n -> c t", "mean").amin(0)
    return lags.where(quieter > 10 ** (AUDIBLE_DB / 10), torch.nan)


def mean_error(values: Tensor, reference: Tensor) -> float | None:  # (t), (t)
    """Mean absolute difference over the positions where neither is NaN; None if there are none."""
    error = (values - reference).abs()
    known = error[~error.isnan()]
    return float(known.mean()) if len(known) else None


def side_mid_db(waveform: Tensor) -> float:  # (2 s)
    """Power of left - right relative to left + right, limited to +-60 dB; -60 for mono."""
    left, right = waveform.double()
    mid, side = (left + right).square().mean(), (left - right).square().mean()
    ratio = (side / mid.clamp_min(1e-12)).clamp(1e-6, 1e6) if side > 0 else side.new_tensor(1e-6)
    return float(10 * ratio.log10())


def clearly_heard(reference: Tensor, sounds: Sequence[Sound]) -> list[Sound]:  # (2 s)
    """Sounds with at least twice the power in the 0.1 s after their start as in the 0.1 s before.

    The other sounds are masked in the reference by an earlier sound that is still playing, which
    then decides which side is louder.
    """
    clear = []
    for sound in sounds:
        start = round(sound.seconds * SAMPLE_RATE)
        before = _energy(reference, max(0, start - START)) if start else (0.0, 0.0)
        after = _energy(reference, start)
        if sum(after) > max(LOUDER * sum(before), START * 10 ** (AUDIBLE_DB / 10)):
            clear.append(sound)
    return clear


def right_sides(waveform: Tensor, sounds: Sequence[Sound]) -> list[float]:  # (2 s)
    """Per lone sound: 1 if its first 0.1 s is louder on the side of its angle, 0.5 if equal."""
    scores = []
    for sound in sounds:
        left, right = _energy(waveform, round(sound.seconds * SAMPLE_RATE))
        towards_right = sound.angle % 360 < 180
        scores.append(0.5 if left == right else float((right > left) == towards_right))
    return scores


def _energy(waveform: Tensor, start: int) -> tuple[float, float]:  # (2 s)
    left, right = waveform[:, start : start + START].double().square().sum(1).tolist()
    return left, right
