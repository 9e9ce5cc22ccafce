"""Strokes of an arm in time: raised, brought down, stopped by a contact or in the air, rebounding.

The height of a stroke is a number s: 0 at the surface, 1 at the top of a full swing. Hits and
misses are drawn from the same distributions of height, duration and rebound; a miss only ends at
s > 0, so that a movement that stops does not tell the two apart.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass

import numpy as np

from .rotations import smooth

REST = 0.35  # s of a hand that waits above its target


@dataclass(frozen=True)
class Piece:
    """A part of a movement: from s = `low` to `high`, between two targets (indices)."""

    start: float
    end: float
    kind: str  # "raise", "down", "sink", "back"
    low: float
    high: float
    source: int
    target: int
    power: float = 2.0

    def at(self, time: float) -> float:
        u = min(max((time - self.start) / max(self.end - self.start, 1e-6), 0.0), 1.0)
        share = {
            "raise": smooth(u),
            "down": u**self.power,
            "sink": 1 - (1 - u) ** 2,
            "back": 1 - (1 - u) ** 2,
        }[self.kind]
        return self.low + (self.high - self.low) * share


@dataclass(frozen=True)
class Stroke:
    """The moment at which a stroke meets its target, or stops in the air."""

    time: float
    target: int
    hit: bool
    rate: float  # 1/s, of s there


@dataclass(frozen=True)
class Manner:
    """How an arm strikes in one clip."""

    period: float  # s between strokes, in the middle
    spread: float  # of the logarithm of the period
    swing: float  # s in the middle, 0..1
    misses: float  # share of strokes that stop in the air
    pause: float  # chance of a pause after a stroke
    sink: float  # s, depth of the stop below the contact (softness)
    rebound: float  # s


@dataclass(frozen=True)
class Movement:
    pieces: tuple[Piece, ...]
    strokes: tuple[Stroke, ...]

    def at(self, time: float) -> tuple[float, int, int, float]:
        """s, the two targets that the hand is between, and its share of the way (0..1)."""
        starts = [p.start for p in self.pieces]
        piece = self.pieces[max(bisect.bisect_right(starts, time) - 1, 0)]
        share = 1.0
        if piece.kind == "raise":
            share = smooth((time - piece.start) / (piece.end - piece.start))
        return piece.at(time), piece.source, piece.target, share


def manner(rng: np.random.Generator, soft: float = 0.0) -> Manner:
    return Manner(
        period=float(np.exp(rng.uniform(np.log(0.3), np.log(1.3)))),
        spread=float(rng.choice([0.05, 0.2, 0.5])),
        swing=rng.uniform(0.3, 0.85),
        misses=float(rng.choice([0.0, 0.15, 0.3, 0.55], p=[0.2, 0.35, 0.3, 0.15])),
        pause=rng.uniform(0.02, 0.15),
        sink=soft * rng.uniform(0.01, 0.05),
        rebound=rng.uniform(0.02, 0.2),
    )


def movement(
    rng: np.random.Generator,
    seconds: float,
    how: Manner,
    targets: list[int],
    start: float,
    in_turn: bool = False,
) -> Movement:
    """Strokes of an arm at `targets` (indices; chosen at random or one after another)."""
    pieces: list[Piece] = []
    strokes: list[Stroke] = []
    time, s, now = 0.0, rng.uniform(0.3, 0.7), targets[0]
    lead = start + rng.uniform(0.2, 1.2)
    while time < seconds:
        target = now if rng.random() < 0.5 else int(rng.choice(targets))
        if in_turn:
            target = targets[len(strokes) % len(targets)]
        period = how.period * float(np.exp(how.spread * rng.standard_normal()))
        if rng.random() < how.pause:
            period += rng.uniform(0.5, 1.6)
        swing = min(max(how.swing * float(np.exp(0.25 * rng.standard_normal())), 0.15), 1.1)
        down = min(0.1 + 0.22 * swing, 0.5 * period) * rng.uniform(0.75, 1.3)
        rise = max(period - down - 0.1, 0.12) + lead
        lead = 0.0
        hit = rng.random() >= how.misses
        end = 0.0 if hit else rng.uniform(0.12, 0.6) * swing
        swing += end  # so that a miss is as long and as fast as a hit
        pieces.append(Piece(time, time + rise, "raise", s, swing, now, target))
        time += rise
        power = rng.uniform(1.7, 2.8)
        pieces.append(Piece(time, time + down, "down", swing, end, target, target, power))
        time += down
        rate = power * (swing - end) / down
        strokes.append(Stroke(time, target, hit, rate))
        time, s = _after(pieces, rng, how, time, end, target, rate)
        now = target
    kept = tuple(stroke for stroke in strokes if stroke.time < seconds)
    return Movement(tuple(pieces), kept)


def _after(
    pieces: list[Piece],
    rng: np.random.Generator,
    how: Manner,
    time: float,
    end: float,
    target: int,
    rate: float,
) -> tuple[float, float]:
    """The stop and the rebound of a stroke; the time and s after them."""
    deep = end - how.sink
    if how.sink > 0:
        span = 2 * how.sink / rate  # the speed goes on without a jump
        pieces.append(Piece(time, time + span, "sink", end, deep, target, target))
        time += span
    back = how.rebound * rng.uniform(0.3, 1.3)
    span = rng.uniform(0.06, 0.14)
    pieces.append(Piece(time, time + span, "back", deep, deep + back, target, target))
    return time + span, deep + back
