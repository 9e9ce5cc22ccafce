"""Perspective views and cube faces: straight lines, one face for each direction, no aliasing."""

from __future__ import annotations

import math

import pytest
import torch

from sr_core.spatial.directions import unit_vector
from sr_core.spatial.erp import directions, pixel_areas, sample
from sr_core.spatial.rotation import rotation_matrix
from sr_core.spatial.views import FACES, cube_faces, from_cube_faces, perspective


def looking(yaw=0.0, pitch=0.0, roll=0.0):
    return rotation_matrix(*torch.tensor([yaw, pitch, roll], dtype=torch.float64))


def coordinates(height=256, width=512):
    """A picture whose colours are the directions x, y, z."""
    return directions(height, width).permute(2, 0, 1)[None]


def unit(vector):
    return vector / vector.norm(dim=-1, keepdim=True)


def test_a_view_looks_where_its_orientation_says():
    yaw, pitch = 0.8, -0.5
    view = perspective(coordinates(), looking(yaw, pitch), 1.0, (33, 33))
    assert torch.allclose(
        unit(view[0, :, 16, 16]),
        unit_vector(*torch.tensor([yaw, pitch], dtype=torch.float64)),
        atol=1e-4,
    )


def test_a_view_is_a_pinhole_camera():
    """Column i of w shows tan(azimuth) = (w/2 - 1/2 - i) / f, f = w / (2 tan(fov / 2))."""
    view = unit(perspective(coordinates(), looking(), math.pi / 2, (40, 80))[0].permute(1, 2, 0))
    columns, rows = torch.arange(80.0).double(), torch.arange(40.0).double()
    across = (view[..., 1] / view[..., 0]).mean(0)
    assert torch.allclose(across, (39.5 - columns) / 40, atol=3e-3)
    upwards = (view[..., 2] / view[..., 0]).mean(1)
    assert torch.allclose(upwards, (19.5 - rows) / 40, atol=3e-3)


def test_a_rolled_camera_sees_its_left_raised():
    view = perspective(coordinates(), looking(roll=math.pi / 2), 1.0, (33, 33))[0]
    left_edge = view[:, 16, 0]  # camera's left is up
    assert float(left_edge[2]) > 0.4 and abs(float(left_edge[1])) < 0.02


@pytest.mark.parametrize("angle", [0.0, math.pi, -1.0])
def test_impossible_fields_of_view_are_refused(angle):
    with pytest.raises(ValueError, match="field of view"):
        perspective(coordinates(8, 16), looking(), angle, (8, 8))


def test_faces_look_along_the_axes():
    faces = unit(cube_faces(coordinates(), 15)[0, :, :, 7, 7])
    axes = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
    assert list(FACES) == ["front", "left", "back", "right", "up", "down"]
    assert torch.allclose(faces, torch.tensor(axes).double(), atol=1e-3)


def test_faces_meet_at_their_edges():
    front, left, _, _, up, down = unit(cube_faces(coordinates(512, 1024), 64)[0].movedim(1, -1))

    def apart(a, b):
        return math.degrees(float(torch.acos((a * b).sum(-1).clamp(-1, 1)).max()))

    neighbours = [
        (front[:, 0], left[:, -1]),
        (front[0], up[-1]),
        (front[-1], down[0]),
        (left[0], up[:, 0]),
        (left[-1], down[:, 0].flip(0)),
    ]
    assert [apart(a, b) < 1.9 for a, b in neighbours] == [True] * 5  # one pixel: 2 atan(1 / 64)


def test_faces_tile_the_sphere():
    """A picture of ones on one face alone covers a sixth of the sphere, and no other face."""
    areas = pixel_areas(128, 256)
    covered = []
    for face in range(6):
        faces = torch.zeros(1, 6, 1, 64, 64, dtype=torch.float64)
        faces[:, face] = 1
        covered.append(from_cube_faces(faces, 128, 256)[0, 0])
    together = torch.stack(covered).sum(0)
    assert torch.allclose(together, torch.ones_like(together), atol=1e-9)
    for one in covered:
        assert float((one * areas).sum()) == pytest.approx(4 * math.pi / 6, rel=0.003)


def test_faces_and_back_is_the_same_picture():
    back = from_cube_faces(cube_faces(coordinates(), 128), 128, 256)
    error = torch.acos((unit(back[0].movedim(0, -1)) * directions(128, 256)).sum(-1).clamp(-1, 1))
    assert math.degrees(float(error.max())) < 360 / 256 / 2  # half a pixel


def checker(height, width, cells):
    """A checker of `cells` around the sphere, cut to it exactly: constant in each pixel."""
    vectors = directions(height, width)
    azimuth = torch.atan2(vectors[..., 1], vectors[..., 0])
    elevation = torch.asin(vectors[..., 2])
    across, upwards = (angle / (2 * math.pi) * cells for angle in (azimuth, elevation))
    return ((across.floor() + upwards.floor()) % 2)[None, None]


def test_a_fine_checker_becomes_grey_in_a_small_view():
    """Cells of 2 pixels, one pixel of the view is 8: a point sample shows a pattern instead."""
    picture, size = checker(512, 1024, 512), 32
    view = perspective(picture, looking(0.3, 0.2), math.pi / 4, (size, size))
    rays = perspective(coordinates(512, 1024), looking(0.3, 0.2), math.pi / 4, (size, size))
    points = sample(picture, rays[0].movedim(0, -1))
    assert float(points.std()) > 0.25
    assert float((view - 0.5).abs().max()) < 0.05 and float(view.std()) < 0.02


@pytest.mark.parametrize(
    ("size", "least", "most", "rms"), [(64, 1.2, 2, 0.13), (32, 1.2, 2, 0.1), (32, 2, 4, 0.02)]
)
def test_a_zone_plate_keeps_its_coarse_rings_and_loses_the_fine_ones(size, least, most, rms):
    """cos(k a^2) at the angle a from ahead has k a / pi cycles per radian, of an rms of 0.7.

    A view of f pixels per radian at its centre has f / 2 / cos(a)^2 of them at most.
    """
    strength, width = 250.0, 2 * math.tan(0.6)
    angle = torch.acos(directions(512, 1024)[..., 0])
    picture = (strength * angle.square()).cos()[None, None]
    view = perspective(picture, looking(), 1.2, (size, size))[0, 0]
    offsets = (torch.arange(size).double() - size / 2 + 0.5) / size * width
    seen = torch.atan(torch.hypot(offsets[:, None], offsets[None, :]))
    cycles, ideal = strength * seen / math.pi, (strength * seen.square()).cos()
    nyquist = size / width / 2 / seen.cos().square()
    coarse, fine = cycles < nyquist / 4, (cycles > least * nyquist) & (cycles < most * nyquist)
    fine &= cycles < 60  # three quarters of what the picture can hold
    assert float((view - ideal)[coarse].square().mean().sqrt()) < 0.1
    assert float(ideal[fine].square().mean().sqrt()) > 0.65
    assert float(view[fine].square().mean().sqrt()) < rms


def test_a_view_with_more_pixels_than_the_picture_is_interpolated_only():
    picture = torch.rand(1, 1, 16, 32, dtype=torch.float64)
    view = perspective(picture, looking(), 0.5, (65, 65))
    assert float(view[0, 0, 32, 32]) == pytest.approx(float(picture[0, 0, 7:9, 15:17].mean()))
    assert picture.min() <= view.min() and view.max() <= picture.max()
