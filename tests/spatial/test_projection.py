"""Cropped, half and stereo pictures as pictures of the whole sphere."""

from __future__ import annotations

import math

import pytest
import torch

from sr_core.spatial.erp import directions, turned
from sr_core.spatial.projection import NAMED, Projection, assumed, one_eye, whole_sphere


def sphere(height=32, width=64):
    return directions(height, width).permute(2, 0, 1)[None]


def test_the_whole_sphere_stays_as_it_is():
    assert torch.equal(whole_sphere(sphere(), Projection()), sphere())


def test_a_cropped_picture_is_put_where_it_was():
    projection = Projection(top=4 / 32, bottom=2 / 32, left=10 / 64, right=7 / 64)
    whole = whole_sphere(sphere()[..., 4:30, 10:57], projection)
    assert whole.shape == sphere().shape
    assert torch.equal(whole[..., 4:30, 10:57], sphere()[..., 4:30, 10:57])
    assert float(whole.abs().sum()) == pytest.approx(float(whole[..., 4:30, 10:57].abs().sum()))


def test_bounds_as_files_round_them_give_whole_pixels():
    """0.32 fixed point: 0x3FFFFFFF is a quarter, less 2^-32."""
    almost = Projection(left=0x3FFFFFFF / 2**32, right=0x3FFFFFFF / 2**32)
    half = torch.rand(1, 3, 90, 90)
    assert whole_sphere(half, almost).shape == (1, 3, 90, 180)
    assert torch.equal(whole_sphere(half, almost), whole_sphere(half, NAMED["180"]))


def test_half_a_sphere_is_what_is_in_front():
    front = sphere()[..., 16:48]
    whole = whole_sphere(front, NAMED["180"])
    assert (directions(32, 64)[..., 0][whole[0].abs().sum(0) > 0] > 0).all()
    assert torch.equal(whole[..., 16:48], front)


@pytest.mark.parametrize(
    ("stereo", "axis", "first"),
    [("top-bottom", -2, 0), ("bottom-top", -2, 1), ("left-right", -1, 0), ("right-left", -1, 1)],
)
def test_the_left_eye_is_taken_of_a_stereo_picture(stereo, axis, first):
    left, right = sphere(), -sphere()
    both = torch.cat([left, right] if first == 0 else [right, left], dim=axis)
    assert torch.equal(one_eye(both, stereo), left)
    assert torch.equal(whole_sphere(both, Projection(stereo=stereo)), left)


def test_the_pose_turns_the_sphere_to_the_left():
    yaw = 8 * 2 * math.pi / 64
    assert torch.allclose(whole_sphere(sphere(), Projection(yaw=yaw)), turned(sphere(), yaw))


def test_other_projections_are_told_apart_not_converted():
    with pytest.raises(ValueError, match="got a cubemap picture"):
        whole_sphere(sphere(), Projection(kind="cubemap"))


@pytest.mark.parametrize("wrong", [{"stereo": "both"}, {"left": 0.5, "right": 0.5}, {"top": -0.1}])
def test_impossible_projections_are_refused(wrong):
    with pytest.raises(ValueError, match="got .*; expected"):
        Projection(**wrong)


def test_only_a_picture_twice_as_wide_as_high_is_assumed_to_be_a_sphere():
    assert assumed(200, 100) == Projection()
    assert assumed(100, 100) is None and assumed(1920, 1080) is None
