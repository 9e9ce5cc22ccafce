"""Images in memory as frames at the model's rate."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from sr_core.io.read.frames import PartOfFrames, frames_from_images


def test_images_are_shown_at_their_rate():
    images = torch.arange(16).div(255).reshape(16, 1, 1, 1).expand(16, 4, 6, 3)
    frames = frames_from_images(images, 8)
    assert (frames.duration, frames.count, frames.height, frames.width) == (2, 60, 4, 6)
    shown = torch.cat(list(frames.pieces(7)))[:, 0, 0, 0].tolist()
    assert shown == [k * 8 // 30 for k in range(60)]
    assert shown == torch.cat(list(frames.pieces()))[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_values_are_rounded_and_clipped_to_bytes(dtype):
    images = torch.tensor([-0.1, 0.0, 0.5, 1.0, 1.2], dtype=dtype).reshape(1, 1, 5, 1)
    piece = next(frames_from_images(images.expand(1, 1, 5, 3), 30).pieces())
    assert piece[0, 0, 0].tolist() == [0, 0, 128, 255, 255]


def test_bytes_survive_the_way_through_floats():
    levels = torch.arange(256).div(255).reshape(1, 16, 16, 1).expand(-1, -1, -1, 3)
    piece = next(frames_from_images(levels, 24).pieces())
    assert piece[0, 1].flatten().tolist() == list(range(256))


def test_alpha_is_dropped():
    images = torch.full((2, 3, 5, 4), 0.2)
    images[..., 3] = 0
    assert next(frames_from_images(images, 30).pieces()).unique().tolist() == [51]


@pytest.mark.parametrize(
    ("fps", "exact"),
    [(23.976, Fraction(24000, 1001)), (29.97, Fraction(30000, 1001)), (16, Fraction(16))],
)
def test_a_rounded_rate_gives_the_exact_duration(fps, exact):
    assert frames_from_images(torch.zeros(10, 2, 2, 3), fps).duration == 10 / exact


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), Fraction(0)])
def test_a_rate_that_is_none_is_refused(fps):
    with pytest.raises(ValueError, match="fps"):
        frames_from_images(torch.zeros(1, 2, 2, 3), fps)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_value_is_refused_with_the_number_of_its_image(bad):
    images = torch.zeros(40, 2, 2, 3)
    images[33, 1, 0, 2] = bad
    with pytest.raises(ValueError, match="image 33 "):
        frames_from_images(images, 8)


@pytest.mark.parametrize("shape", [(0, 2, 2, 3), (2, 2, 3), (1, 3, 4, 5), (1, 0, 2, 3)])
def test_a_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        frames_from_images(torch.zeros(shape), 8)


def test_eight_bit_values_are_refused():
    with pytest.raises(ValueError, match="divide by 255"):
        frames_from_images(torch.zeros(1, 2, 2, 3, dtype=torch.uint8), 8)
    with pytest.raises(ValueError, match=r"0\.\.255; expected 0\.\.1"):
        frames_from_images(torch.tensor([0.0, 255.0, 0.0]).expand(1, 2, 2, 3), 8)


def test_a_part_shows_what_the_whole_shows_then():
    whole = frames_from_images(torch.rand(12, 4, 6, 3), 24)
    part = PartOfFrames(whole, Fraction(1, 10), Fraction(1, 5))
    assert (part.count, part.samples()) == (6, 9600)
    assert torch.equal(torch.cat(list(part.pieces())), torch.cat(list(whole.pieces()))[3:9])


def test_parts_that_begin_between_two_frames_show_what_is_on_the_screen_then():
    whole = frames_from_images(torch.rand(12, 4, 6, 3), 24)
    part = PartOfFrames(whole, Fraction(1, 48))  # halfway through the first image
    times = [time for time, _ in part.shown()]
    assert times[:3] == [0, Fraction(1, 48), Fraction(3, 48)] and len(times) == 12
    assert not part.steady and PartOfFrames(whole, Fraction(1, 24)).steady
    assert part.duration == Fraction(1, 2) - Fraction(1, 48)


def test_a_part_of_a_part_is_a_part():
    whole = frames_from_images(torch.rand(30, 4, 6, 3), 30)
    inner = PartOfFrames(PartOfFrames(whole, Fraction(1, 3), Fraction(1, 2)), Fraction(1, 6))
    assert torch.equal(torch.cat(list(inner.pieces())), torch.cat(list(whole.pieces()))[15:25])


@pytest.mark.parametrize("start, duration", [(-1, 1), (0, 0), (1, None), (0, 2)])
def test_a_part_outside_the_whole_is_refused(start, duration):
    whole = frames_from_images(torch.rand(30, 4, 6, 3), 30)
    with pytest.raises(ValueError, match="inside the picture's 1 s"):
        PartOfFrames(whole, Fraction(start), duration and Fraction(duration))
