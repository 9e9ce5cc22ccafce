"""Which source frame is shown at k / 30, and how long the picture is, to the exact fraction."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import av
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sr_core.io.read.frames import Frames
from sr_core.io.read.timing import Shown, Timing, fine_clock, standard_rate
from sr_core.io.read.video import open_video

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi"])
def test_every_rate_shows_the_latest_past_frame(suffix, rate, constant_clip, numbers, expected):
    frames = open_video(constant_clip(f"clip{suffix}", rate))
    count = round(2 * rate)
    assert frames.duration == count / rate
    assert frames.samples() == round(frames.duration * 48000)
    assert frames.count == math.ceil(Fraction(frames.samples(), 1600))
    times = [n / rate for n in range(count)]
    assert numbers(frames) == expected(times, frames.count)


@pytest.mark.parametrize("rate", [NTSC, 2 * NTSC, Fraction(24000, 1001), Fraction(60)])
def test_milliseconds_of_matroska_select_the_frames_of_mp4(rate, constant_clip, numbers):
    exact = open_video(constant_clip("a.mp4", rate, seconds=8))
    rounded = open_video(constant_clip("a.mkv", rate, seconds=8))
    assert rounded.timing.tick == Fraction(1, 1000)
    assert rounded.duration == exact.duration
    assert rounded.info.rate == exact.info.rate == rate
    assert numbers(rounded) == numbers(exact)


def test_milliseconds_inside_a_finer_clock_are_snapped_too(make_clip, numbers, expected):
    ticks = [16 * round(n * 1000 / NTSC) for n in range(90)]
    frames = open_video(make_clip("remuxed.mp4", ticks, Fraction(1, 16000), rate=NTSC))
    assert frames.timing.tick == Fraction(1, 16000)
    assert frames.duration == 90 / NTSC
    assert numbers(frames) == expected([n / NTSC for n in range(90)], frames.count)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_rate_keeps_its_own_times(suffix, make_clip, numbers, expected):
    choose = random.Random(5)
    ticks = [0]
    while len(ticks) < 80:
        ticks.append(ticks[-1] + choose.randint(5, 120))
    frames = open_video(make_clip(f"vfr{suffix}", ticks, Fraction(1, 1000), end=ticks[-1] + 77))
    times = [Fraction(t, 1000) for t in ticks]
    assert not frames.timing.snaps
    assert numbers(frames) == expected(times, frames.count)
    if suffix == ".mp4":  # Matroska does not say how long the last frame is shown
        assert frames.duration == times[-1] + Fraction(77, 1000)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_times_count_from_the_first_frame(suffix, make_clip, numbers, expected):
    tick, period = (Fraction(1, 90000), 3750) if suffix != ".mkv" else (Fraction(1, 24), 1)
    ticks = [round(Fraction(3, 2) / tick) + n * period for n in range(48)]
    frames = open_video(make_clip(f"late{suffix}", ticks, tick, rate=24))
    assert frames.info.start >= Fraction(3, 2)
    assert frames.duration == 2
    assert numbers(frames) == expected([Fraction(n, 24) for n in range(48)], 60)


def test_frames_cut_away_by_an_edit_list_are_not_shown(make_clip, numbers):
    path = make_clip("cut.mp4", [n * 512 for n in range(60)], Fraction(1, 15360), shift=7 * 512)
    with av.open(str(path)) as container:
        assert sum(p.is_discard for p in container.demux(video=0)) == 7
    frames = open_video(path)
    assert frames.info.frames == 53
    assert frames.duration == Fraction(53, 30)
    assert numbers(frames) == list(range(7, 60))


def test_a_gif_shows_its_delays(make_clip, numbers, expected):
    path = make_clip("a.gif", range(24), Fraction(1, 8), codec="gif", rate=8, pix_fmt="rgb8")
    frames = open_video(path)
    assert frames.duration == 3
    assert frames.count == 90
    assert numbers(frames) == expected([Fraction(n, 8) for n in range(24)], 90)


@pytest.mark.parametrize("name", ["raw.h264", "reordered.avi"])
def test_frames_without_times_are_counted(name, make_clip, numbers, expected):
    path = make_clip(name, range(45), 1 / NTSC, rate=NTSC)
    frames = open_video(path)
    assert frames.timing.counted
    assert frames.duration == 45 / NTSC
    assert numbers(frames) == expected([n / NTSC for n in range(45)], frames.count)


def test_the_last_frame_is_held_for_its_own_length(make_clip, numbers):
    ticks = [n * 512 for n in range(10)]
    frames = open_video(make_clip("a.mp4", ticks, Fraction(1, 15360), end=ticks[-1] + 15360))
    assert frames.duration == Fraction(9, 30) + 1
    assert numbers(frames) == [*range(10), *[9] * 29]


def test_a_single_frame_is_a_picture_of_one_period(make_clip, numbers):
    frames = open_video(make_clip("one.mp4", [0], Fraction(1, 15360), end=512))
    assert (frames.duration, frames.count, numbers(frames)) == (Fraction(1, 30), 1, [0])


def test_a_model_rate_other_than_30_is_honoured(constant_clip, numbers, expected):
    frames = open_video(constant_clip("a.mp4", Fraction(24)), rate=25)
    assert frames.count == 50
    assert numbers(frames) == expected([Fraction(n, 24) for n in range(48)], 50, rate=25)


@pytest.mark.parametrize(
    ("given_rate", "meant"),
    [
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (29.97, NTSC),
        (59.94, 2 * NTSC),
        (Fraction(19001, 317), 2 * NTSC),
        (30.0, Fraction(30)),
        (24, Fraction(24)),
        (12.5, Fraction(25, 2)),
        (8.0, Fraction(8)),
        (1 / 3, Fraction(1, 3)),
    ],
)
def test_a_rounded_rate_means_the_broadcast_rate(given_rate, meant):
    assert standard_rate(given_rate) == meant


@given(st.fractions(Fraction(1, 10), 240, max_denominator=1001), st.integers(0, 10**6))
def test_a_fine_clock_counts_every_period(rate, n):
    clock = fine_clock(rate)
    assert clock.numerator == 1
    assert (n / rate / clock).denominator == 1


class _Numbered(Frames):
    """Frames at given times; picture n is a single pixel of value n."""

    def __init__(self, times, duration, rate):
        self.times, self.duration, self.rate = times, duration, Fraction(rate)
        self.height = self.width = 1
        self.converted = 0

    def shown(self):
        for n, time in enumerate(self.times):
            yield time, lambda n=n: self._convert(n)

    def _convert(self, n):
        self.converted += 1
        return torch.full((3, 1, 1), n, dtype=torch.uint8)


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=60),
    st.sampled_from([1000, 600, 90000, 24]),
    st.integers(1, 60),
    st.integers(1, 9),
)
def test_selection_equals_brute_force(gaps, ticks_a_second, rate, size):
    times = [Fraction(0)]
    for gap in gaps:
        times.append(times[-1] + Fraction(gap, ticks_a_second))
    frames = _Numbered(times[:-1], times[-1], rate)
    pieces = list(frames.pieces(size))
    assert all(len(piece) == size for piece in pieces[:-1])
    got = torch.cat(pieces)[:, 0, 0, 0].tolist()
    moments = [Fraction(k, rate) for k in range(frames.count)]
    assert got == [max(n for n, t in enumerate(frames.times) if t <= m) for m in moments]
    assert frames.converted == len(set(got))


@given(
    st.sampled_from([Fraction(24000, 1001), NTSC, Fraction(60), Fraction(25)]),
    st.integers(0, 10**7),
    st.integers(2, 500),
)
def test_snapping_undoes_rounding_to_milliseconds(rate, start, count):
    ticks = [round((start + n) / rate * 1000) for n in range(count)]
    packets = tuple(Shown(t, 0, False, True) for t in ticks)
    millisecond = Fraction(1, 1000)
    timing = Timing(packets, ticks[0], millisecond, millisecond, rate, True, False)
    assert [timing.time(t) for t in ticks] == [n / rate for n in range(count)]
    assert timing.duration == count / rate
