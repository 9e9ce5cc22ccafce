"""Frame times k / rate of a live video: the frame shown at each, and when each is due."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

from ..read.frames import Picture
from .reader_thread import AHEAD, ReaderThread
from .source import Seen

LONGEST_DELAY = 1.0  # seconds behind the clock; what is later than that is left silent


class FrameTime(NamedTuple):
    """One k / rate: the frame it sees, unless it comes too late to look at one."""

    number: int
    picture: Picture | None  # None: what was seen last is held
    due: float  # seconds on the clock, when its frame was there
    silent: bool = False  # so late that not even its sound is wanted


class Pace:
    """A clock that frames are due by; without `real` they are due when their turn comes."""

    def __init__(
        self,
        rate: Fraction,
        real: bool,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.period, self.real, self.clock, self.sleep = float(1 / rate), real, clock, sleep
        self.began: float | None = None

    def due(self, number: int) -> float:
        """When frame_time `number` is due; the first one is due when it is asked for."""
        if self.began is None:
            self.began = self.clock()
        return self.began + number * self.period

    def frame_time(self, number: int, picture: Picture) -> FrameTime:
        """Wait until it is due. Behind by a period or more its picture is passed over."""
        if not self.real:
            return FrameTime(number, picture, self.clock())
        due = self.due(number)
        ahead = due - self.clock()
        if ahead > 0:
            self.sleep(ahead)
        late = number > 0 and -ahead >= self.period  # with nothing seen there is nothing to hold
        return FrameTime(number, None if late else picture, due, late and -ahead > LONGEST_DELAY)


def frame_times_by_source(reader: ReaderThread, rate: Fraction, pace: Pace) -> Iterator[FrameTime]:
    """Every k / rate sees the latest frame shown by then; time is what the frames say it is.

    A frame whose end is known is used at once, others when the next one is there.
    """
    number, current = 0, None
    while (read := reader.take()) is not None:
        for seen in read.frames:
            while current is not None and number / rate < seen.time:
                yield pace.frame_time(number, current.picture)
                number += 1
            current = seen
            while seen.until is not None and number / rate < seen.until:
                yield pace.frame_time(number, seen.picture)
                number += 1
    while reader.finished and current and number / rate < reader.picture.end:
        yield pace.frame_time(number, current.picture)
        number += 1


def frame_times_by_clock(reader: ReaderThread, rate: Fraction, pace: Pace) -> Iterator[FrameTime]:
    """Every k / rate sees the frame that came last; time is the clock's from the first one on."""
    number, current = 0, None
    while (current := _latest(reader, pace, number, current)) is not None:
        if number and reader.ended:
            return
        yield pace.frame_time(number, current.picture)
        number += 1


def _latest(reader: ReaderThread, pace: Pace, number: int, current: Seen | None) -> Seen | None:
    """Take all that arrives until the frame_time is due, and what waits then, but no more."""
    room = AHEAD
    while not reader.ended and room:
        wait = None if current is None else max(0.0, pace.due(number) - pace.clock())
        room -= wait == 0
        read = reader.take(timeout=wait)
        if read is None:
            break
        current = read.frames[-1] if read.frames else current
    return current
