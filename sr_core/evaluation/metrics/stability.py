"""Drift of a long sound: the sound of a looped clip, compared part by part with the first part."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...rates import SAMPLE_RATE
from .loudness import SILENCE_DB, decibels
from .mel import MEL_RATE, log_mel
from .onsets import find_onsets, onset_strength

FARTHEST_Z = 12.0  # limit of integrals and searches, in standard deviations
PARTS = 10  # number of parts of a run, at most; each is compared with the first
FARTHEST_LAG = 0.25  # largest lag in seconds that is searched


class Loop(NamedTuple):
    """Statistics of the sound of one repetition of the clip."""

    power: float
    offset: Tensor  # (c), mean of the samples: DC
    spectrum: Tensor  # (m) dB, mean over time
    strength: Tensor  # (t) dB, onset strength
    onsets: int


def analyse_loop(waveform: Tensor) -> Loop:  # (c s)
    mel = log_mel(waveform)
    strength = onset_strength(mel)
    power = float(waveform.double().square().mean())
    onsets = len(find_onsets(strength))
    return Loop(power, waveform.double().mean(dim=-1), mel.mean(dim=-1), strength, onsets)


def stability(sounds: Iterable[Tensor], period: int) -> dict[str, Any]:  # each (c period)
    """Level, DC, spectrum, onsets and timing of every part of a run, and their largest changes.

    `sounds` are the repetitions of the clip, `period` samples each. The first is left out because
    it has no history. Changes are relative to the first part; `..._spread` is the standard
    deviation over repetitions; `..._chance` is the bound that the largest change stays below in
    95 % of runs without drift, if repetitions are independent.
    Raises ValueError for fewer than three repetitions.
    """
    loops = [analyse_loop(sound) for sound in sounds]
    if len(loops) < 3:
        raise ValueError(
            f"got a sound of {len(loops)} loops; expected three or more; generate a longer one"
        )
    later, seconds = loops[1:], period / SAMPLE_RATE
    count = min(PARTS, len(later))
    cuts = [round(n * len(later) / count) for n in range(count + 1)]
    groups = [later[a:b] for a, b in zip(cuts, cuts[1:], strict=False)]
    parts = [_part(group, groups[0], seconds) for group in groups]
    for part, start in zip(parts, cuts, strict=False):
        part["from_s"] = (start + 1) * seconds
    level_spread = _spread([_db(loop.power) for loop in later])
    rate_spread = _spread([loop.onsets / seconds for loop in later])
    chance, rate = farthest_by_chance(count) * (len(later) / count) ** -0.5, _rate(parts, seconds)
    return {
        "loops": len(loops),
        "period_s": seconds,
        "parts": parts,
        "level_spread_db": level_spread,
        "onsets_spread_per_s": rate_spread,
        "level_change_db": _farthest(parts, "level_db"),
        "level_chance_db": level_spread * chance,
        "dc_db": max(part["dc_db"] for part in parts),
        "dc_change_db": max(part["dc_change_db"] for part in parts),
        "spectrum_change_db": max(part["spectrum_change_db"] for part in parts),
        "onset_rate_change": _farthest(parts, "onsets_per_s") / rate,
        "onset_rate_chance": rate_spread * chance / rate,
        "lag_ms": max((part["lag_ms"] for part in parts), key=abs),
    }


def farthest_by_chance(parts: int, share: float = 0.95) -> float:
    """Quantile `share` of max |x_n - x_0|, n = 1 ... parts - 1, for independent standard normal x.

    This is sqrt(2) times Dunnett's two-sided critical value for parts - 1 comparisons with one
    control and known variance (Dunnett, JASA 1955): P(max <= d) is the mean of
    (Phi(x_0 + d) - Phi(x_0 - d)) ** (parts - 1) over x_0. 0 for fewer than two parts.
    """
    if parts < 2:
        return 0.0
    x = torch.linspace(-FARTHEST_Z, FARTHEST_Z, 4001, dtype=torch.float64)
    density = torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)
    low, high = 0.0, FARTHEST_Z
    while high - low > 1e-6:
        middle = (low + high) / 2
        within = torch.special.ndtr(x + middle) - torch.special.ndtr(x - middle)
        below = float(torch.trapezoid(density * within ** (parts - 1), x)) < share
        low, high = (middle, high) if below else (low, middle)
    return high


def _part(group: list[Loop], first: list[Loop], seconds: float) -> dict[str, float]:
    offset, first_offset = _mean(group, "offset"), _mean(first, "offset")
    change = (_mean(group, "spectrum") - _mean(first, "spectrum")).abs().mean()
    lag = find_lag(_mean(group, "strength"), _mean(first, "strength"))
    return {
        "level_db": _db(sum(loop.power for loop in group) / len(group)),
        "dc_db": _db(float(offset.abs().max()) ** 2),
        "dc_change_db": _db(float((offset - first_offset).abs().max()) ** 2),
        "spectrum_change_db": float(change),
        "onsets_per_s": sum(loop.onsets for loop in group) / len(group) / seconds,
        "lag_ms": 1000 * lag,
    }


def find_lag(strength: Tensor, reference: Tensor) -> float:  # (t), (t)
    """Delay in seconds relative to the reference: the lag with the largest correlation.

    A parabola interpolates between columns. 0 for a constant strength.
    """
    x, y = (s.double() - s.double().mean() for s in (strength, reference))
    if min(float(x.norm()), float(y.norm())) < 1e-6:
        return 0.0
    reach = min(round(FARTHEST_LAG * MEL_RATE), len(x) // 2 - 1)
    found = torch.stack([(x.roll(-n) * y).sum() for n in range(-reach - 1, reach + 2)])
    best = 1 + int(found[1:-1].argmax())
    left, middle, right = found[best - 1 : best + 2].tolist()
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return (best - reach - 1 + shift) / MEL_RATE


def _mean(group: list[Loop], name: str) -> Tensor:
    return torch.stack([getattr(loop, name) for loop in group]).mean(dim=0)


def _db(power: float) -> float:
    return float(decibels(torch.tensor(power, dtype=torch.float64), SILENCE_DB))


def _spread(values: list[float]) -> float:
    return float(torch.tensor(values, dtype=torch.float64).std())


def _rate(parts: list[dict[str, float]], seconds: float) -> float:
    """Onsets per second of the first part, at least one per repetition; divisor of changes."""
    return max(parts[0]["onsets_per_s"], 1 / seconds)


def _farthest(parts: list[dict[str, float]], name: str) -> float:
    """The change from the first part that is largest in magnitude, with its sign."""
    return max((part[name] - parts[0][name] for part in parts), key=abs)
