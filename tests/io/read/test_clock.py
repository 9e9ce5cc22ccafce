"""Time stamps that start again, jump, or stand still; frames that are not there."""

from __future__ import annotations

import warnings
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from sr_core.io.read.audio import read_audio
from sr_core.io.read.clock import Clock
from sr_core.io.read.video import open_video
from sr_core.io.write.mux import mux

MEDIA = Path(__file__).parents[2] / "media"


def follow(*stamps: int, tick=Fraction(1, 10), duration=1):
    clock = Clock(tick)
    packets = [SimpleNamespace(pts=s + 1, dts=s, duration=duration) for s in stamps]
    return [clock.follow(packet).dts for packet in packets], clock


def test_a_clock_that_starts_again_goes_on():
    stamps, clock = follow(20, 21, 22, 0, 1, 2)
    assert stamps == [20, 21, 22, 23, 24, 25]
    assert clock.jumps == [(Fraction(3, 10), Fraction(-23, 10))]


def test_a_clock_that_jumps_ahead_goes_on_and_one_that_waits_does_not():
    assert follow(0, 1, 1000, 1001)[0] == [0, 1, 2, 3]
    stamps, clock = follow(0, 1, 100, 101)  # nine and a half seconds: a still picture may do that
    assert stamps == [0, 1, 100, 101] and not clock.jumps


def test_what_is_shown_moves_with_what_is_decoded():
    clock = Clock(Fraction(1, 10))
    for dts in (20, 0):
        packet = clock.follow(SimpleNamespace(pts=dts + 5, dts=dts, duration=1))
    assert (packet.pts, packet.dts) == (26, 21)


@pytest.mark.parametrize("name", ["cat_ts.ts", "jump_ts.ts"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("old_sound", ["drop", "keep", "mix"])
def test_nothing_is_lost_where_time_stamps_start_again_or_jump(name, suffix, old_sound, tmp_path):
    with pytest.warns(UserWarning, match=r"timestamps jump after 2.000 s by [-+]\d+\.\d{3} s"):
        frames = open_video(MEDIA / name)
    assert (frames.duration, frames.count, len(list(frames.shown()))) == (4, 120, 120)
    target = tmp_path / f"out{suffix}"
    mux(frames, torch.zeros(2, frames.samples()), target, old_sound=old_sound)
    made = open_video(target)
    assert len(made.timing.packets) == 120 and abs(made.duration - 4) <= Fraction(1, 1000)
    if old_sound == "mix":
        beeps = read_audio(target)[0].abs().amax(dim=0).split(96000)[:2]  # one in each half
        starts = [int((half > 0.1).nonzero()[0]) for half in beeps]
        assert abs(starts[1] - starts[0]) < 0.05 * 48000


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_of_frames_at_one_time_each_is_written(suffix, tmp_path):
    frames = open_video(MEDIA / "dup.mkv")
    assert len(frames.timing.packets) > len(set(frames.timing.shown))
    target = mux(frames, torch.zeros(2, frames.samples()), tmp_path / f"out{suffix}")
    made = open_video(target)
    assert len(list(made.shown())) == 9
    assert abs(made.duration - frames.duration) <= Fraction(1, 1000)


def test_frames_that_are_missing_are_counted():
    with pytest.warns(UserWarning, match="29 of 30 frames are missing, the most after 0.000 s"):
        open_video(MEDIA / "086_splice_c.webm")


def test_missing_frames_are_a_hole_and_a_variable_rate_or_a_frame_meant_to_stay_is_not(make_clip):
    steady, tick = [3000 * n for n in range(61)], Fraction(1, 90_000)
    hole = make_clip("hole.ts", [t for n, t in enumerate(steady) if n not in (20, 21)], tick)
    with pytest.warns(UserWarning, match="2 of 61 frames are missing, the most after 0.633 s"):
        open_video(hole)
    varying = make_clip("varying.ts", [t for n, t in enumerate(steady) if n % 5], tick)
    meant = make_clip("meant.mkv", [t for n, t in enumerate(steady) if n not in (20, 21)], tick)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_video(varying)
        open_video(meant)  # its packet says that it is shown for a tenth of a second


def test_a_frame_that_is_shown_again_is_no_damage():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(open_video(MEDIA / "theora.ogv").shown())) == 58
