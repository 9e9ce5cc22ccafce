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
LARGEST_LAG = SAMPLE_RATE // 1000  # samples: sound needs less from ear to ear
AUDIBLE_DB = -60.0
MOST_DB = 30.0  # one channel alone is not infinitely far to the side
HEARD = SAMPLE_RATE // 10  # samples after a lone sound began
LOUDER = 2.0  # times the power before it, from which a sound stands out


def level_differences_db(waveform: Tensor) -> Tensor:  # (2 s) -> (t), NaN where silent
    """Left above right in dB, in windows of 0.1 s, within +-30 dB."""
    whole = waveform.shape[-1] // LEVEL_WINDOW * LEVEL_WINDOW
    power = reduce(waveform[:, :whole].square(), "c (t n) -> c t", "mean", n=LEVEL_WINDOW)
    left, right = decibels(power, AUDIBLE_DB - MOST_DB)
    difference = (left - right).clamp(-MOST_DB, MOST_DB)
    return difference.where(power.sum(0) > 10 ** (AUDIBLE_DB / 10), torch.nan)


def time_differences_ms(waveform: Tensor) -> Tensor:  # (2 s) -> (t), NaN where silent
    """By how much left is later than right: the peak of GCC-PHAT within +-1 ms, every 0.2 s."""
    whole = waveform.shape[-1] // TIME_WINDOW * TIME_WINDOW
    windows = rearrange(waveform[:, :whole].float(), "c (t n) -> c t n", n=TIME_WINDOW)
    left, right = torch.fft.rfft(windows * torch.hann_window(TIME_WINDOW), 2 * TIME_WINDOW)
    cross = left * right.conj()
    correlation = torch.fft.irfft(cross / cross.abs().clamp_min(1e-12))
    near = torch.cat([correlation[:, -LARGEST_LAG:], correlation[:, : LARGEST_LAG + 1]], dim=1)
    lags = (near.argmax(1) - LARGEST_LAG) * 1000 / SAMPLE_RATE
    quieter = reduce(windows.square(), "c t n -> c t", "mean").amin(0)
    return lags.where(quieter > 10 ** (AUDIBLE_DB / 10), torch.nan)


def mean_error(values: Tensor, reference: Tensor) -> float | None:  # (t), (t), NaN: left out
    """Mean absolute difference where both are known; None where they never are."""
    error = (values - reference).abs()
    known = error[~error.isnan()]
    return float(known.mean()) if len(known) else None


def side_mid_db(waveform: Tensor) -> float:  # (2 s)
    """Power of the channels' difference relative to their sum, within +-60 dB; mono has -60."""
    left, right = waveform.double()
    mid, side = (left + right).square().mean(), (left - right).square().mean()
    ratio = (side / mid.clamp_min(1e-12)).clamp(1e-6, 1e6) if side > 0 else side.new_tensor(1e-6)
    return float(10 * ratio.log10())


def clearly_heard(reference: Tensor, sounds: Sequence[Sound]) -> list[Sound]:  # (2 s)
    """Those with which the reference's power at least doubles, 0.1 s after against before.

    Of others something else that sounds on decides which side is louder, also in the reference.
    """
    heard = []
    for sound in sounds:
        start = round(sound.seconds * SAMPLE_RATE)
        before = _energy(reference, max(0, start - HEARD)) if start else (0.0, 0.0)
        after = _energy(reference, start)
        if sum(after) > max(LOUDER * sum(before), HEARD * 10 ** (AUDIBLE_DB / 10)):
            heard.append(sound)
    return heard


def right_sides(waveform: Tensor, sounds: Sequence[Sound]) -> list[float]:  # (2 s)
    """For each lone sound 1 if it is louder on its own side in the first 0.1 s, else 0, tie 1/2."""
    scores = []
    for sound in sounds:
        left, right = _energy(waveform, round(sound.seconds * SAMPLE_RATE))
        towards_right = sound.angle % 360 < 180
        scores.append(0.5 if left == right else float((right > left) == towards_right))
    return scores


def _energy(waveform: Tensor, start: int) -> tuple[float, float]:  # (2 s)
    left, right = waveform[:, start : start + HEARD].double().square().sum(1).tolist()
    return left, right
