"""Does a sound without end stay what it was? A looped clip's, part after part."""

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

FARTHEST_Z = 12.0  # standard deviations that integrals and searches reach
PARTS = 10  # that a run is cut into; each but the first is compared with the first
FARTHEST_LAG = 0.25  # seconds


class Loop(NamedTuple):
    """What is kept of the sound of one showing of the clip."""

    power: float
    offset: Tensor  # (c), the mean: DC
    spectrum: Tensor  # (m) dB, the mean over time
    strength: Tensor  # (t) dB, of onsets
    onsets: int


def analyse_loop(waveform: Tensor) -> Loop:  # (c s)
    mel = log_mel(waveform)
    strength = onset_strength(mel)
    power = float(waveform.double().square().mean())
    onsets = len(find_onsets(strength))
    return Loop(power, waveform.double().mean(dim=-1), mel.mean(dim=-1), strength, onsets)


def stability(sounds: Iterable[Tensor], period: int) -> dict[str, Any]:  # each (c period)
    """Level, DC, spectrum, onsets and timing of every part of a run, and how far they drift.

    The first showing is left out, as it has no past yet. Changes are against the first part;
    `..._spread` is the standard deviation from showing to showing, `..._chance` what the largest
    change stays below in 95 % of the runs where nothing drifts and showings are independent.
    Raises ValueError where there are fewer than three showings.
    """
    loops = [analyse_loop(sound) for sound in sounds]
    if len(loops) < 3:
        raise ValueError(
            f"got a sound of {len(loops)} loops; expected three or more; generate a longer one"
        )
    heard, seconds = loops[1:], period / SAMPLE_RATE
    count = min(PARTS, len(heard))
    cuts = [round(n * len(heard) / count) for n in range(count + 1)]
    groups = [heard[a:b] for a, b in zip(cuts, cuts[1:], strict=False)]
    parts = [_part(group, groups[0], seconds) for group in groups]
    for part, start in zip(parts, cuts, strict=False):
        part["from_s"] = (start + 1) * seconds
    level_spread = _spread([_db(loop.power) for loop in heard])
    rate_spread = _spread([loop.onsets / seconds for loop in heard])
    chance, rate = farthest_by_chance(count) * (len(heard) / count) ** -0.5, _rate(parts, seconds)
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
    """What max |x_n - x_0|, n = 1 ... parts - 1, stays below with probability `share`.

    The x are independent standard normal numbers, so this is sqrt(2) times Dunnett's two-sided
    critical value for parts - 1 comparisons with one control and known variance (Dunnett, JASA
    1955): P(max <= d) is the mean of (Phi(x_0 + d) - Phi(x_0 - d)) ** (parts - 1) over x_0.
    Zero where there is nothing to compare.
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
    offset, before = _mean(group, "offset"), _mean(first, "offset")
    change = (_mean(group, "spectrum") - _mean(first, "spectrum")).abs().mean()
    lag = find_lag(_mean(group, "strength"), _mean(first, "strength"))
    return {
        "level_db": _db(sum(loop.power for loop in group) / len(group)),
        "dc_db": _db(float(offset.abs().max()) ** 2),
        "dc_change_db": _db(float((offset - before).abs().max()) ** 2),
        "spectrum_change_db": float(change),
        "onsets_per_s": sum(loop.onsets for loop in group) / len(group) / seconds,
        "lag_ms": 1000 * lag,
    }


def find_lag(strength: Tensor, reference: Tensor) -> float:  # (t), (t)
    """Seconds by which onsets come later than the reference's: where they correlate best.

    Between columns a parabola tells; a strength that never changes has no lag.
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
    """Onsets a second of the first part, at least one a showing: what changes are relative to."""
    return max(parts[0]["onsets_per_s"], 1 / seconds)


def _farthest(parts: list[dict[str, float]], name: str) -> float:
    """The largest change against the first part, with its sign."""
    return max((part[name] - parts[0][name] for part in parts), key=abs)
