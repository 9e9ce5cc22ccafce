import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sr_core.spatial.directions import angle_between, angles, unit_vector
from sr_core.spatial.encode import direction_gains
from sr_core.spatial.rotation import (
    compose,
    inverse,
    quaternion,
    rotate,
    rotate_vector,
    rotation_matrix,
    slerp,
)
from tests.spatial.in_pieces import in_pieces

HOP = 400
ANGLE = st.floats(-math.pi, math.pi)
TURN = st.tuples(ANGLE, ANGLE, ANGLE)  # yaw, pitch, roll
ZERO = torch.tensor(0.0, dtype=torch.float64)


def numbers(values):
    return torch.tensor(values, dtype=torch.float64)


def turn(values):  # (4)
    return quaternion(*numbers(values))


def noise(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def plane_wave(azimuth, elevation, samples=8):  # (1 4 s)
    gains = direction_gains(unit_vector(numbers(azimuth), numbers(elevation)))
    return gains[None, :, None] * torch.linspace(-1, 1, samples, dtype=torch.float64)


def direction_of(foa):  # (1 4 s) -> (3): of a plane wave
    w, y, z, x = (foa[0] * foa[0, :1]).sum(-1)
    return torch.stack([x, y, z]) / w


@given(ANGLE, ANGLE, st.floats(-1.5, 1.5))
def test_a_yaw_adds_to_the_azimuth_and_leaves_elevation_and_w(yaw, azimuth, elevation):
    before = plane_wave(azimuth, elevation)
    after, _ = rotate(before, turn((yaw, 0, 0))[None, None])
    found, height = angles(direction_of(after))
    assert math.remainder(float(found) - azimuth - yaw, 2 * math.pi) == pytest.approx(0, abs=1e-9)
    assert float(height) == pytest.approx(elevation, abs=1e-9)
    assert torch.equal(after[:, 0], before[:, 0])


@given(st.floats(-1.5, 1.5))
def test_a_pitch_raises_what_is_ahead_and_leaves_what_is_at_the_left(pitch):
    ahead, _ = rotate(plane_wave(0.0, 0.0), turn((0, pitch, 0))[None, None])
    assert [float(a) for a in angles(direction_of(ahead))] == pytest.approx([0, pitch], abs=1e-12)
    left, _ = rotate(plane_wave(math.pi / 2, 0.0), turn((0, pitch, 0))[None, None])
    assert direction_of(left).tolist() == pytest.approx([0, 1, 0], abs=1e-12)


@given(st.floats(-1.5, 1.5))
def test_a_roll_raises_what_is_at_the_left_and_leaves_what_is_ahead(roll):
    left, _ = rotate(plane_wave(math.pi / 2, 0.0), turn((0, 0, roll))[None, None])
    found = [float(a) for a in angles(direction_of(left))]
    assert found == pytest.approx([math.pi / 2, roll], abs=1e-12)
    ahead, _ = rotate(plane_wave(0.0, 0.0), turn((0, 0, roll))[None, None])
    assert direction_of(ahead).tolist() == pytest.approx([1, 0, 0], abs=1e-12)


def test_the_matrix_has_its_closed_form():
    yaw, pitch, roll = 0.4, -0.7, 1.9
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (math.cos, math.sin))
    about_z = numbers([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    about_y = numbers([[cp, 0, -sp], [0, 1, 0], [sp, 0, cp]])  # by -pitch
    about_x = numbers([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    found = rotation_matrix(*numbers([yaw, pitch, roll]))
    assert torch.allclose(found, about_z @ about_y @ about_x, rtol=0, atol=1e-15)


@given(TURN, TURN)
def test_rotations_compose_and_matrices_multiply(first, second):
    both = compose(turn(second), turn(first))
    vectors = noise(5, 3)
    expected = vectors @ (rotation_matrix(*numbers(second)) @ rotation_matrix(*numbers(first))).T
    assert torch.allclose(rotate_vector(vectors, both), expected, rtol=0, atol=1e-14)


@given(TURN)
def test_the_inverse_undoes_a_rotation_and_the_matrix_is_orthogonal(angles_of_turn):
    field = noise(2, 4, 16)
    there = turn(angles_of_turn).expand(2, 1, 4)
    back, _ = rotate(rotate(field, there)[0], inverse(there))
    assert torch.allclose(back, field, rtol=0, atol=1e-13)
    matrix = rotation_matrix(*numbers(angles_of_turn))
    assert torch.allclose(matrix @ matrix.T, torch.eye(3, dtype=torch.float64), atol=1e-14)
    assert float(torch.linalg.det(matrix)) == pytest.approx(1)


@given(TURN, TURN, st.floats(0, 1))
def test_slerp_goes_the_shortest_way_at_constant_speed(start, end, fraction):
    a, b = turn(start), turn(end)
    between = slerp(a, b, numbers([fraction]))
    whole = 2 * torch.acos((a * b).sum().abs().clamp(max=1))
    done = compose(inverse(a), between)
    angle = 2 * torch.atan2(done[1:].norm(), done[0].abs())
    assert float(between.norm()) == pytest.approx(1, abs=1e-12)
    assert float(angle) == pytest.approx(fraction * float(whole), abs=1e-6)


@given(TURN, TURN)
def test_slerp_begins_and_ends_at_its_rotations(start, end):
    a, b, x = turn(start), turn(end), numbers([1.0, 2.0, 3.0])
    for fraction, expected in ((0.0, a), (1.0, b)):
        found = rotate_vector(x, slerp(a, b, numbers([fraction])))
        assert torch.allclose(found, rotate_vector(x, expected), rtol=0, atol=1e-12)


@given(TURN)
def test_both_quaternions_of_a_rotation_are_the_same_to_slerp(end):
    start, half = turn((0.3, 0.2, 0.1)), numbers([0.5])
    ways = [slerp(sign * start, turn(end), half) for sign in (1, -1)]
    x = numbers([1.0, 2.0, 3.0])
    if float((start * turn(end)).sum().abs()) > 1e-6:  # not opposite: the shortest way is one
        found = [rotate_vector(x, way) for way in ways]
        assert torch.allclose(found[0], found[1], rtol=0, atol=1e-6)


def test_slerp_of_equal_rotations_stays_there():
    same = turn((0.5, -0.2, 0.9))
    assert torch.allclose(slerp(same, same, numbers([0.3])), same, rtol=0, atol=1e-15)
    assert not slerp(same.float(), same.float(), torch.tensor([0.3])).isnan().any()


def keyframes(steps, batch=2):  # (b t 4)
    generator = torch.Generator().manual_seed(3)
    drawn = torch.randn(3, batch, steps, dtype=torch.float64, generator=generator)
    return quaternion(*drawn)


def test_a_turning_field_moves_on_the_circle_at_constant_speed_without_a_jump():
    places = quaternion(numbers([0.0, 2.0, 2.0]), ZERO, ZERO)[None]
    turned, _ = rotate(plane_wave(0.0, 0.0, 3 * HOP).sign(), places)
    azimuth, _ = angles(turned[0, [3, 1, 2]].T * turned[0, :1].T)
    expected = (2 * torch.arange(1 - HOP, 2 * HOP + 1, dtype=torch.float64) / HOP).clamp(0, 2)
    assert torch.allclose(azimuth, expected, rtol=0, atol=1e-12)


def test_the_strength_of_the_dipoles_stays_while_the_field_turns():
    field = noise(2, 4, 5 * HOP)
    turned, _ = rotate(field, keyframes(5))
    assert torch.allclose(turned[:, 1:].norm(dim=1), field[:, 1:].norm(dim=1), rtol=1e-12)


@pytest.mark.parametrize("cuts", [(1,) * 9, (4, 3, 2), (1, 8)])
def test_rotating_in_pieces_equals_rotating_whole(cuts):
    field, places = noise(2, 4, 9 * HOP), keyframes(9)
    whole, last = rotate(field, places)
    joined, state = in_pieces(rotate, field, places, HOP, cuts)
    assert torch.allclose(joined, whole, rtol=0, atol=1e-12)
    assert torch.equal(state, last)


def test_a_state_can_be_used_twice_and_float32_stays():
    field, places = noise(2, 4, 3 * HOP).float(), keyframes(3).float()
    first, state = rotate(field, places)
    assert torch.equal(rotate(field, places, state)[0], rotate(field, places, state)[0])
    exact, _ = rotate(field.double(), places.double())
    assert first.dtype == torch.float32 and (first - exact).abs().max() < 1e-5


def test_turning_the_head_left_moves_a_source_ahead_to_the_right():
    head = turn((math.radians(30), 0, 0))
    heard, _ = rotate(plane_wave(0.0, 0.0), inverse(head)[None, None])
    assert math.degrees(angles(direction_of(heard))[0]) == pytest.approx(-30)
    right = unit_vector(numbers(-math.pi / 2), ZERO)
    assert float(angle_between(direction_of(heard), right)) == pytest.approx(math.radians(60))
