"""Frame times k / rate of a live video: the frame shown at each, and its due time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

from ..read.frames import Picture
from .reader_thread import AHEAD, ReaderThread
from .source import Seen

LONGEST_DELAY = 1.0  # seconds; a frame that is later than this gets silence


class FrameTime(NamedTuple):
    """The time k / rate and its frame; a late one has no frame of its own."""

    number: int  # k
    picture: Picture | None  # None: the previous frame is repeated
    due: float  # seconds on the clock
    silent: bool = False  # later than LONGEST_DELAY: no sound is generated


class Pace:
    """The due times of frames: from a real-time clock, or, without `real`, always now."""

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
        """Due time of frame time `number`, in seconds; the clock starts at the first call."""
        if self.began is None:
            self.began = self.clock()
        return self.began + number * self.period

    def frame_time(self, number: int, picture: Picture) -> FrameTime:
        """Wait until the due time. A frame that is late by one period or more is dropped."""
        if not self.real:
            return FrameTime(number, picture, self.clock())
        due = self.due(number)
        ahead = due - self.clock()
        if ahead > 0:
            self.sleep(ahead)
        late = number > 0 and -ahead >= self.period  # frame 0: there is no frame to repeat
        return FrameTime(number, None if late else picture, due, late and -ahead > LONGEST_DELAY)


def frame_times_by_source(reader: ReaderThread, rate: Fraction, pace: Pace) -> Iterator[FrameTime]:
    """Yield each k / rate with the latest frame at or before it, by the frames' own timestamps.

    A frame with a known end is used at once, any other one when the next frame arrives.
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
    """Yield each k / rate with the frame that arrived last; the clock starts at the first one."""
    number, current = 0, None
    while (current := _latest(reader, pace, number, current)) is not None:
        if number and reader.ended:
            return
        yield pace.frame_time(number, current.picture)
        number += 1


def _latest(reader: ReaderThread, pace: Pace, number: int, current: Seen | None) -> Seen | None:
    """Take the reads that arrive before the due time, then at most AHEAD that are queued."""
    left = AHEAD
    while not reader.ended and left:
        wait = None if current is None else max(0.0, pace.due(number) - pace.clock())
        left -= wait == 0
        read = reader.take(timeout=wait)
        if read is None:
            break
        current = read.frames[-1] if read.frames else current
    return current
