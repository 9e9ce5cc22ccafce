"""Which frame each frame_time sees, by the frames' own time and by the clock's."""

import os
import threading
import time
from fractions import Fraction

import pytest
import torch

from sr_core.io.live.frame_clock import (
    LONGEST_DELAY,
    Pace,
    frame_times_by_clock,
    frame_times_by_source,
)
from sr_core.io.live.raw import RawPicture
from sr_core.io.live.reader_thread import AHEAD, ReaderThread
from sr_core.io.live.source import LivePicture, Read, Seen

RATE = Fraction(30)


class Listed(LivePicture):
    """Frames that are numbers, at given times; `before` is called before each is given."""

    def __init__(self, times, end, before=lambda n: None):
        self.times, self.end, self.before = times, end, before

    def reads(self):
        for n, frame_time in enumerate(self.times):
            self.before(n)
            yield Read([], [Seen(frame_time, None, lambda n=n: n)])


class Clock:
    """Time that passes when somebody sleeps, or says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def arrive():
    opened = []

    def arrive(picture):
        opened.append(ReaderThread(picture, lambda read: None))
        return opened[-1]

    yield arrive
    for arrivals in opened:
        arrivals.close()


def shown(moments):
    return [frame_time.picture() for frame_time in moments]


@pytest.mark.parametrize("fps", [8, 24, Fraction(30000, 1001), 30, 50, 60])
def test_every_moment_sees_the_latest_frame_shown_by_then(arrive, expected, fps):
    times = [n / Fraction(fps) for n in range(40)]
    end = 40 / Fraction(fps)
    moments = frame_times_by_source(arrive(Listed(times, end)), RATE, Pace(RATE, False))
    found = shown(moments)
    assert found == expected(times, len(found))
    assert (len(found) - 1) / RATE < end <= len(found) / RATE


def test_uneven_frames_are_held_as_long_as_they_are_shown(arrive):
    times = [Fraction(t, 1000) for t in (0, 10, 20, 100, 101, 400)]
    moments = frame_times_by_source(arrive(Listed(times, Fraction(1, 2))), RATE, Pace(RATE, False))
    assert shown(moments) == [0, 2, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5]


def test_a_raw_frame_is_used_before_the_next_one_is_there(arrive):
    out, into = os.pipe()
    with os.fdopen(out, "rb") as reading, os.fdopen(into, "wb", buffering=0) as writing:
        writing.write(bytes(24))  # without a first frame there is no picture yet
        arrivals = arrive(RawPicture(reading, (4, 2), Fraction(15)))
        moments = frame_times_by_source(arrivals, RATE, Pace(RATE, False))
        for n in range(3):
            if n:
                writing.write(bytes([n]) * 24)
            pictures = [next(moments).picture() for _ in range(2)]
            assert all(
                torch.equal(p, torch.full((3, 2, 4), n, dtype=torch.uint8)) for p in pictures
            )
        writing.close()
        assert next(moments, None) is None and arrivals.finished


def test_a_paced_file_waits_for_its_time_and_shows_the_same(arrive):
    clock, times = Clock(), [n / Fraction(24) for n in range(24)]
    pace = Pace(RATE, True, clock, clock.sleep)
    found = list(frame_times_by_source(arrive(Listed(times, Fraction(1))), RATE, pace))
    free = frame_times_by_source(arrive(Listed(times, Fraction(1))), RATE, Pace(RATE, False))
    assert shown(found) == shown(free)
    assert clock.now - 100 == pytest.approx(29 / 30)
    assert [m.due for m in found] == pytest.approx([100 + n / 30 for n in range(30)])


def test_late_frames_are_passed_over_until_the_clock_is_caught_up_with(arrive):
    clock, times = Clock(), [n / RATE for n in range(20)]
    found = []
    for frame_time in frame_times_by_source(
        arrive(Listed(times, 20 / RATE)), RATE, Pace(RATE, True, clock, clock.sleep)
    ):
        found.append(frame_time)
        clock.now += 3.6 / 30 if frame_time.number == 4 else 0.5 / 30
    passed_over = [m.number for m in found if m.picture is None]
    # 5 is 2.6 periods behind, 6 2.1, 7 1.6 and 8 1.1; 9, at 0.6, is in time again.
    assert passed_over == [5, 6, 7, 8] and len(found) == 20
    assert shown(m for m in found if m.picture)[5:] == list(range(9, 20))
    assert not any(m.silent for m in found)


def test_the_first_frame_is_always_looked_at(arrive):
    clock = Clock()
    pace = Pace(RATE, True, clock, clock.sleep)
    pace.due(0)
    clock.now += 3
    moments = frame_times_by_clock(arrive(Listed([Fraction(0)], 1)), RATE, pace)
    first, second = next(moments), next(moments, None)
    assert first.picture() == 0 and not first.silent and (second is None or second.silent)


def test_what_is_more_than_a_second_late_is_silent_and_the_rest_is_heard(arrive):
    clock, times = Clock(), [n / RATE for n in range(60)]
    found = []
    for frame_time in frame_times_by_source(
        arrive(Listed(times, 2)), RATE, Pace(RATE, True, clock, clock.sleep)
    ):
        found.append(frame_time)
        clock.now += 1.5 if frame_time.number == 0 else 0
    silent = [m.number for m in found if m.silent]
    assert silent == list(range(1, 1 + round((1.5 - LONGEST_DELAY) * 30) - 1))
    assert len(found) == 60


def test_by_the_clock_the_frame_that_came_last_is_seen_and_sound_goes_on_without_one(arrive):
    gate = threading.Event()

    def before(n):
        if n == 5:
            gate.wait(5)

    picture = Listed([Fraction(0)] * 6, 0, before)
    moments = frame_times_by_clock(arrive(picture), RATE, Pace(RATE, True))
    time.sleep(0.1)
    held = [next(moments).picture() for _ in range(4)]
    assert held[1:] == [4, 4, 4]
    gate.set()
    assert all(frame_time.picture() in (4, 5) for frame_time in moments)


def test_reading_is_never_far_ahead_and_errors_come_through():
    given = []
    picture = Listed([Fraction(n) for n in range(100)], 100, given.append)
    arrivals = ReaderThread(picture, lambda read: None)
    time.sleep(0.2)
    assert len(given) == AHEAD + 1  # one more is held by the thread that waits
    arrivals.take()
    time.sleep(0.1)
    assert len(given) == AHEAD + 2
    arrivals.close()

    def fail(n):
        raise ValueError("damaged")

    arrivals = ReaderThread(Listed([Fraction(0)], 1, fail), lambda read: None)
    with pytest.raises(ValueError, match="damaged"):
        arrivals.take()
    assert arrivals.ended and not arrivals.finished


def test_stopping_frees_who_waits_for_a_picture_that_never_comes():
    gate = threading.Event()
    arrivals = ReaderThread(Listed([Fraction(0)], 1, lambda n: gate.wait(20)), lambda read: None)
    threading.Timer(0.1, arrivals.stop).start()
    began = time.monotonic()
    assert arrivals.take() is None and time.monotonic() - began < 10
    gate.set()
    arrivals.close()
