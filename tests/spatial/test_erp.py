"""Equirectangular pictures: positions in closed form, and rotations of marked directions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_core.spatial.directions import angles, unit_vector
from sr_core.spatial.erp import directions, pixel_areas, positions, rotated, sample, turned
from sr_core.spatial.rotation import rotation_matrix

HEIGHT, WIDTH = 64, 128
ANGLE = st.floats(-math.pi, math.pi)
RAISED = st.floats(-1.4, 1.4)


def matrix(yaw=0.0, pitch=0.0, roll=0.0):
    return rotation_matrix(*torch.tensor([yaw, pitch, roll], dtype=torch.float64))


def direction(azimuth, elevation):
    both = torch.tensor([azimuth, elevation], dtype=torch.float64)
    return unit_vector(*both)


def spot(vector, height=HEIGHT, width=WIDTH, sharpness=60.0):
    """A picture that is brightest in one direction: exp(k (cos angle - 1))."""
    bright = directions(height, width) @ vector
    return (sharpness * (bright - 1)).exp()[None, None]


def centre(picture):
    """The mean direction of the light in a picture."""
    height, width = picture.shape[-2:]
    light = picture[0, 0] * pixel_areas(height, width)
    mean = (directions(height, width) * light[..., None]).sum((0, 1))
    return mean / mean.norm()


def degrees_between(a, b):
    return math.degrees(math.acos(min(1.0, float(a @ b))))


@pytest.mark.parametrize(
    ("azimuth", "elevation", "column", "row"),
    [
        (0, 0, 63.5, 31.5),  # ahead: the middle, between two pixels
        (90, 0, 31.5, 31.5),  # left of it
        (-90, 0, 95.5, 31.5),
        (0, 45, 63.5, 15.5),
        (0, -45, 63.5, 47.5),
        (180 - 360 / 256, 90 - 180 / 128, 0, 0),  # the centre of the first pixel
        (-180 + 360 / 256, -90 + 180 / 128, 127, 63),
    ],
)
def test_directions_are_where_the_formula_says(azimuth, elevation, column, row):
    vector = direction(math.radians(azimuth), math.radians(elevation))
    place = positions(vector, HEIGHT, WIDTH)
    assert place.tolist() == pytest.approx([column, row], abs=1e-9)


def test_pixels_have_the_directions_that_lead_to_them():
    place = positions(directions(6, 10), 6, 10)
    rows, columns = torch.meshgrid(torch.arange(6.0), torch.arange(10.0), indexing="ij")
    assert torch.allclose(place, torch.stack([columns, rows], -1).double(), atol=1e-9)


def test_a_middle_column_of_an_odd_picture_is_ahead():
    assert directions(3, 5)[1, 2].tolist() == pytest.approx([1, 0, 0], abs=1e-12)


def test_pixel_areas_cover_the_sphere():
    areas = pixel_areas(7, 10)
    assert float(areas.sum()) == pytest.approx(4 * math.pi, abs=1e-12)
    assert float(areas[0, 0]) == pytest.approx((1 - math.cos(math.pi / 7)) * 2 * math.pi / 10)


@pytest.mark.parametrize("columns", [0, 1, 5, 127, 128, -3])
def test_yaw_by_whole_columns_moves_pixels_exactly_and_to_the_left(columns):
    picture = torch.arange(WIDTH).float().expand(1, 1, 2, WIDTH)
    moved = turned(picture, columns * 2 * math.pi / WIDTH)
    assert torch.equal(moved, torch.from_numpy(np.roll(picture.numpy(), -columns, -1)))


def test_yaw_between_columns_interpolates_across_the_edge():
    picture = torch.zeros(1, 1, 1, 8)
    picture[..., 0] = 1
    moved = turned(picture, 0.25 * 2 * math.pi / 8)  # a quarter of a column to the left
    assert moved.flatten().tolist() == pytest.approx([0.75, 0, 0, 0, 0, 0, 0, 0.25], abs=1e-6)


@settings(deadline=None, max_examples=25)
@given(azimuth=ANGLE, elevation=RAISED, yaw=ANGLE)
def test_yaw_adds_to_the_azimuth_and_keeps_the_elevation(azimuth, elevation, yaw):
    moved = centre(turned(spot(direction(azimuth, elevation)), yaw))
    assert degrees_between(moved, direction(azimuth + yaw, elevation)) < 0.1


@settings(deadline=None, max_examples=25)
@given(azimuth=ANGLE, elevation=RAISED, yaw=ANGLE, pitch=RAISED, roll=ANGLE)
def test_a_marked_direction_goes_where_the_rotation_takes_it(azimuth, elevation, yaw, pitch, roll):
    rotation, vector = matrix(yaw, pitch, roll), direction(azimuth, elevation)
    moved = rotated(spot(vector), rotation)
    assert degrees_between(centre(moved), rotation @ vector) < 0.1
    brightest = np.unravel_index(int(moved.argmax()), (HEIGHT, WIDTH))
    found = directions(HEIGHT, WIDTH)[brightest]
    assert degrees_between(found, rotation @ vector) < 360 / WIDTH  # within a pixel


def test_pitch_raises_what_is_ahead_and_roll_what_is_at_the_left():
    ahead, left = direction(0.0, 0.0), direction(math.pi / 2, 0.0)
    raised = centre(rotated(spot(ahead), matrix(pitch=0.5)))
    assert [float(angle) for angle in angles(raised)] == pytest.approx([0, 0.5], abs=1e-3)
    raised = centre(rotated(spot(left), matrix(roll=0.5)))
    assert float(angles(raised)[1]) == pytest.approx(0.5, abs=1e-3)


def test_rotating_by_a_yaw_equals_turning():
    picture = torch.rand(1, 3, HEIGHT, WIDTH, dtype=torch.float64)
    yaw = 9 * 2 * math.pi / WIDTH
    assert torch.allclose(rotated(picture, matrix(yaw)), turned(picture, yaw), atol=1e-9)
    between = 9.3 * 2 * math.pi / WIDTH
    assert torch.allclose(rotated(picture, matrix(between)), turned(picture, between), atol=1e-9)


def test_rotations_compose():
    first, second = matrix(0.7, -0.4, 0.2), matrix(-1.9, 0.8, 2.5)
    picture = spot(direction(0.3, 0.5)) + 0.5 * spot(direction(-2.0, -1.2), sharpness=30)
    twice = rotated(rotated(picture, first), second)
    assert not torch.allclose(twice, rotated(picture, first @ second), atol=0.5)
    assert torch.allclose(twice, rotated(picture, second @ first), atol=0.05)
    assert torch.allclose(rotated(rotated(picture, first), first.mT), picture, atol=0.05)


def test_each_picture_of_a_batch_has_its_own_rotation():
    pictures = torch.rand(2, 3, 8, 16, dtype=torch.float64)
    rotations = torch.stack([matrix(0.3, 0.4, 0.5), matrix(-2.0, 0.1, 0.0)])
    both = rotated(pictures, rotations)
    for n in range(2):
        assert torch.equal(both[n : n + 1], rotated(pictures[n : n + 1], rotations[n]))


def test_over_a_pole_comes_what_is_on_its_other_side():
    picture = torch.zeros(1, 1, 4, 8, dtype=torch.float64)
    picture[0, 0, 0] = torch.arange(8.0)
    pole = torch.tensor([[[1e-9, 0.0, 1.0]]], dtype=torch.float64)  # half a row above row 0, ahead
    between = (3.5 + (0 + 7) / 2) / 2  # columns 3 and 4 ahead, 7 and 0 behind
    assert float(sample(picture, pole)) == pytest.approx(between)


def test_a_picture_of_bytes_is_refused():
    with pytest.raises(ValueError, match="expected float; divide by 255"):
        rotated(torch.zeros(1, 3, 4, 8, dtype=torch.uint8), matrix())
