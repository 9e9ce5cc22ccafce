"""Opening and shutting: movements between 0 (shut) and 1 (open) that may stop short."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

import numpy as np

from .rotations import smooth


@dataclass(frozen=True)
class Swing:
    start: float
    end: float
    low: float
    high: float
    slam: bool  # it gains speed until it stops

    def at(self, time: float) -> float:
        u = min(max((time - self.start) / (self.end - self.start), 0.0), 1.0)
        return self.low + (self.high - self.low) * (u**1.8 if self.slam else smooth(u))


@dataclass(frozen=True)
class Cycle:
    swings: tuple[Swing, ...]
    stops: tuple[tuple[float, float, bool], ...]  # s, speed in 1/s, whether at the frame

    def at(self, time: float) -> float:
        starts = [swing.start for swing in self.swings]
        number = bisect.bisect_right(starts, time) - 1
        return self.swings[max(number, 0)].at(time)

    def moving(self, seconds: float) -> list[tuple[float, float]]:
        """Start and end of each movement before `seconds`."""
        return [(s.start, min(s.end, seconds)) for s in self.swings if s.start < seconds - 0.1]


def cycles(rng: np.random.Generator, seconds: float, jammed: float = 0.3) -> Cycle:
    """Opens and shuts in turn; a share `jammed` of the closings stops short of the frame."""
    time, now, swings, stops = rng.uniform(0.3, 1.2), 0.0, [], []
    if rng.random() < 0.4:
        now = rng.uniform(0.4, 1.0)
    pace = rng.uniform(0.5, 1.6)
    while time < seconds:
        lasting = pace * rng.uniform(0.7, 1.4)
        if now < 0.35:
            to, slam = rng.uniform(0.45, 1.0), False
        else:
            short = rng.random() < jammed
            to, slam = (rng.uniform(0.06, 0.3) if short else 0.0), bool(rng.random() < 0.65)
        lasting *= 0.6 if slam else 1.0
        swings.append(Swing(time, time + lasting, now, to, slam))
        if to < now:
            rate = 1.8 * (now - to) / lasting if slam else 0.15 / lasting
            stops.append((time + lasting, rate, to == 0.0))
        time, now = time + lasting + rng.uniform(0.15, 1.5), to
    return Cycle(tuple(swings), tuple(stops))
