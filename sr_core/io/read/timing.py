"""Frame times of a file as exact fractions, snapped to the frame rate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

NTSC_RATES = [Fraction(base * 1000, 1001) for base in (12, 15, 24, 30, 48, 60, 120, 240)]
NTSC_LIMIT = Fraction(2, 10_000)  # relative tolerance of a rounded NTSC rate
DEFAULT_RATE = Fraction(25)  # frames per second, if the file gives no rate
FINE_TICKS = 30_000  # ticks per second, at least
MILLISECOND = Fraction(1, 1000)


def standard_rate(rate: float | Fraction) -> Fraction:
    """The exact rate of a rounded one: n * 1000/1001 if within a relative 2e-4, else itself.

    23.976 and 23.98 are 24000/1001, Matroska's 19001/317 is 60000/1001, 30 stays 30, 12.5 is 25/2.
    """
    exact = rate if isinstance(rate, Fraction) else Fraction(rate).limit_denominator(100_000)
    nearest = min(NTSC_RATES, key=lambda name: abs(name - exact))
    return nearest if abs(nearest - exact) <= exact * NTSC_LIMIT else exact


def fine_clock(rate: Fraction) -> Fraction:
    """A tick 1/n s, at most 1/30000 s, that divides the period of `rate`."""
    return 1 / Fraction(rate.numerator * max(1, -(-FINE_TICKS // rate.numerator)))


@dataclass(frozen=True, slots=True)  # slots: an hour of video has 108000 of them
class Shown:
    """One video packet with its time; times in ticks."""

    pts: int
    duration: int
    hidden: bool  # needed for decoding only: an edit list hides it
    key: bool  # keyframe


@dataclass(frozen=True)
class Timing:
    """Times of the video's frames: packets in decoding order, `first` the pts shown first."""

    packets: tuple[Shown, ...]
    first: int
    tick: Fraction
    reach: Fraction  # seconds by which a time may have been rounded
    rate: Fraction
    snaps: bool  # times are snapped to multiples of 1 / rate
    counted: bool  # no valid timestamps: the n-th decoded frame is at n / rate

    def time(self, pts: int) -> Fraction:
        """Seconds after the first frame, snapped to the rate's grid if within `reach` of it."""
        seconds = (pts - self.first) * self.tick
        if not self.snaps:
            return seconds
        nearest = Fraction(round(seconds * self.rate)) / self.rate
        return nearest if abs(nearest - seconds) <= self.reach else seconds

    @property
    def clock(self) -> Fraction:
        """A tick of which all these times are whole multiples."""
        exact = self.tick < MILLISECOND or not self.snaps
        return fine_clock(1 / self.tick if exact else self.rate)

    @property
    def shown(self) -> list[int]:
        """The pts of the visible frames, in order of presentation."""
        return sorted(p.pts for p in self.packets if not p.hidden and p.pts >= self.first)

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame's time to the end of the last frame."""
        last = max((p for p in self.packets if not p.hidden), key=lambda p: p.pts)
        return self.time(last.pts) + self.length(last)

    def of_frames(self, count: int) -> Timing:
        """Return the timing of the first `count` packets."""
        return replace(self, packets=self.packets[:count])

    @property
    def steady(self) -> bool:
        """Whether all frame times and the end of the last frame are on the rate's grid."""
        times = (self.time(pts) for pts in self.shown)
        return all((time * self.rate).denominator == 1 for time in [*times, self.duration])

    def length(self, packet: Shown) -> Fraction:
        """Seconds for which the last frame (this packet) is shown."""
        length, nominal = packet.duration * self.tick, 1 / self.rate
        limit = max(2 * self.reach, MILLISECOND)  # start and end are both rounded
        if length <= 0 or (self.snaps and abs(length - nominal) <= limit):
            return nominal
        return length
