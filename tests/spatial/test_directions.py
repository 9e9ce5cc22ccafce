import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sr_core.spatial.directions import angle_between, angles, unit_vector

AZIMUTH = st.floats(-math.pi, math.pi)
ELEVATION = st.floats(-math.pi / 2, math.pi / 2)


def number(value):
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize(
    "degrees, expected",
    [
        ((0, 0), (1, 0, 0)),  # ahead
        ((90, 0), (0, 1, 0)),  # left
        ((-90, 0), (0, -1, 0)),  # right
        ((180, 0), (-1, 0, 0)),  # behind
        ((77, 90), (0, 0, 1)),  # above
        ((30, 60), (3**0.5 / 4, 1 / 4, 3**0.5 / 2)),
    ],
)
def test_azimuth_is_positive_to_the_left_and_elevation_upwards(degrees, expected):
    found = unit_vector(*(number(math.radians(angle)) for angle in degrees))
    assert found.tolist() == pytest.approx(expected, abs=1e-15)


@given(AZIMUTH, st.floats(-1.57, 1.57), st.floats(1e-3, 1e3))
def test_angles_are_those_that_made_the_vector_whatever_its_length(azimuth, elevation, length):
    found = angles(length * unit_vector(number(azimuth), number(elevation)))
    assert float(found[0]) == pytest.approx(azimuth, abs=1e-9)
    assert float(found[1]) == pytest.approx(elevation, abs=1e-12)


def test_the_zero_vector_has_angles_of_zero():
    assert [float(angle) for angle in angles(torch.zeros(3))] == [0, 0]
    assert float(angle_between(torch.zeros(3), torch.ones(3))) == 0


@given(AZIMUTH, ELEVATION, AZIMUTH, ELEVATION)
def test_the_angle_between_directions_is_the_haversine_distance(a, b, c, d):
    haversine = math.sin((b - d) / 2) ** 2
    haversine += math.cos(b) * math.cos(d) * math.sin((a - c) / 2) ** 2
    expected = 2 * math.asin(min(1, haversine**0.5))
    found = angle_between(unit_vector(number(a), number(b)), unit_vector(number(c), number(d)))
    assert float(found) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("angle", [1e-6, 1e-3, math.pi - 1e-3])
def test_small_and_nearly_opposite_angles_keep_their_digits_in_float32(angle):
    azimuths = torch.tensor([0.0, angle])
    ahead, turned = unit_vector(azimuths, torch.tensor(0.0))
    assert float(angle_between(ahead, turned)) == pytest.approx(float(azimuths[1]), rel=1e-6)


def test_many_directions_are_compared_with_one():
    many = unit_vector(torch.linspace(-3, 3, 7), torch.tensor(0.0))
    assert angle_between(many, many[3]) == pytest.approx(torch.linspace(-3, 3, 7).abs(), abs=1e-6)
