"""Animated WebP and AVIF: every frame at its time, stills left alone."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from PIL import Image, features

from sr_core.io.read.source import MediaError, is_animation, is_video, videos_in
from sr_core.io.read.video import open_video
from sr_core.io.write.mux import mux

MEDIA = Path(__file__).parents[2] / "media"
COLOURS = ["red", "lime", "blue", "white"]
RGB = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]


def animate(path: Path, lengths=(100, 200, 100, 300), **options) -> Path:
    images = [Image.new("RGB", (32, 16), colour) for colour in COLOURS]
    images[0].save(path, save_all=True, append_images=images[1:], duration=list(lengths), **options)
    return path


@pytest.fixture(params=[".webp", ".avif"])
def animation(request, tmp_path) -> Path:
    if not features.check(request.param[1:]):
        pytest.skip(f"this Pillow has no {request.param[1:]}")
    quality = {"lossless": True} if request.param == ".webp" else {"quality": 100}
    return animate(tmp_path / f"a{request.param}", **quality)


def test_frames_come_at_their_own_times(animation):
    frames = open_video(animation)
    assert (frames.width, frames.height, frames.duration) == (32, 16, Fraction(7, 10))
    assert not frames.steady and frames.count == 21
    times = [time for time, _ in frames.shown()]
    assert times == [Fraction(n, 10) for n in (0, 1, 3, 4)]
    for (_, picture), colour in zip(frames.shown(), RGB, strict=True):
        assert (picture()[:, 8, 16] - torch.tensor(colour)).abs().max() <= 6
    seen = torch.cat(list(frames.pieces(4)))
    assert [int(n) for n in (0, 3, 9, 12)] == [
        next(k for k in range(21) if (seen[k, :, 8, 16] - torch.tensor(c)).abs().max() <= 6)
        for c in RGB
    ]


def test_it_gets_sound_and_is_encoded_at_its_own_times(animation, tmp_path):
    frames = open_video(animation)
    made = open_video(mux(frames, torch.zeros(2, frames.samples()), tmp_path / "out.mp4"))
    assert made.duration == frames.duration and len(list(made.shown())) == 4


def test_it_is_read_from_memory_too(animation):
    assert open_video(io.BytesIO(animation.read_bytes())).duration == Fraction(7, 10)


def test_what_a_host_saves_is_read():
    frames = open_video(MEDIA / "anim.webp")
    assert len(list(frames.shown())) == 16 and (frames.width, frames.height) == (64, 48)


def test_a_still_is_no_animation_and_no_video_of_a_folder(tmp_path):
    Image.new("RGB", (32, 16)).save(tmp_path / "still.webp")
    animate(tmp_path / "moving.webp")
    (tmp_path / "._moving.webp").write_bytes((tmp_path / "moving.webp").read_bytes())
    (tmp_path / "._clip.mp4").write_bytes(b"Mac OS X")
    assert videos_in(tmp_path) == [tmp_path / "moving.webp"]
    assert not is_animation(tmp_path / "still.webp") and not is_video(tmp_path / "._clip.mp4")


def test_one_that_is_cut_off_says_which_frame(tmp_path):
    whole = animate(tmp_path / "a.webp", lossless=True).read_bytes()
    cut = tmp_path / "cut.webp"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(MediaError, match=r"cut.webp'.*(frame \d|cannot read)"):
        open_video(cut)
