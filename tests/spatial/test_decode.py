import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sr_core.spatial.decode import cardioid, mono, stereo
from sr_core.spatial.directions import unit_vector
from sr_core.spatial.encode import direction_gains
from sr_core.spatial.sound import SpatialSound


def noise(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def plane_wave(azimuth, elevation=0.0):  # (1 4 1)
    direction = unit_vector(*torch.tensor([azimuth, elevation], dtype=torch.float64))
    return direction_gains(direction)[None, :, None]


@given(st.floats(-math.pi, math.pi), st.floats(-1.5, 1.5))
def test_mono_has_gain_1_from_everywhere(azimuth, elevation):
    assert mono(plane_wave(azimuth, elevation)).item() == 1


@given(*[st.floats(-math.pi, math.pi)] * 2, st.floats(-1.5, 1.5))
def test_a_cardioid_has_its_closed_form(axis, azimuth, elevation):
    expected = 0.5 + 0.5 * math.cos(azimuth - axis) * math.cos(elevation)
    assert cardioid(plane_wave(azimuth, elevation), axis).item() == pytest.approx(
        expected, abs=1e-9
    )


@pytest.mark.parametrize(
    "degrees, gains",
    [(0, (0.5, 0.5)), (90, (1, 0)), (-90, (0, 1)), (180, (0.5, 0.5)), (30, (3 / 4, 1 / 4))],
)
def test_stereo_has_the_left_in_its_first_channel(degrees, gains):
    found = stereo(plane_wave(math.radians(degrees)))[0, :, 0]
    assert found.tolist() == pytest.approx(gains, abs=1e-12)


def test_left_and_right_add_to_mono():
    field = noise(3, 4, 20)
    assert torch.allclose(stereo(field).sum(1), mono(field)[:, 0])


def test_microphones_at_other_azimuths_have_their_axes_there():
    pair = stereo(plane_wave(math.radians(45)), left=math.pi / 4, right=-math.pi / 4)
    assert pair[0, :, 0].tolist() == pytest.approx([1, 0.5])


def test_head_locked_stereo_is_added_after_decoding():
    field, locked = noise(2, 6, 9).split([4, 2], dim=1)
    sound = SpatialSound(field, locked)
    assert torch.equal(sound.mixed(stereo(field)), stereo(field) + locked)
    assert torch.allclose(sound.mixed(mono(field)), mono(field) + locked.mean(1, keepdim=True))
    assert SpatialSound(field).mixed(locked) is locked


@pytest.mark.parametrize(
    "field, locked, message",
    [
        ((1, 2, 9), None, r"got a field \(1, 2, 9\); expected \(b 4 s\)"),
        ((4, 9), None, "got a field"),
        ((1, 4, 9), (1, 2, 8), r"got head-locked stereo \(1, 2, 8\); expected \(1, 2, 9\)"),
        ((1, 4, 9), (1, 1, 9), "got head-locked stereo"),
    ],
)
def test_other_shapes_are_refused(field, locked, message):
    with pytest.raises(ValueError, match=message):
        SpatialSound(torch.zeros(field), None if locked is None else torch.zeros(locked))
