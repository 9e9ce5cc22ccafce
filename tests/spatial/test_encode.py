import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sr_core.spatial.directions import angle_between, unit_vector
from sr_core.spatial.encode import NEAREST, direction_gains, encode, place_gains
from sr_core.spatial.intensity import field_direction
from tests.spatial.in_pieces import in_pieces

RATE, HOP = 48_000, 1600


def noise(samples, seed=0, batch=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 1, samples, dtype=torch.float64, generator=generator)


def path(*places):
    return torch.tensor([places], dtype=torch.float64)


def circle(steps, turns=1.0, radius=2.0):  # (1 t 3)
    azimuth = torch.linspace(0, 2 * math.pi * turns, steps, dtype=torch.float64)
    return radius * unit_vector(azimuth, torch.tensor(0.3, dtype=torch.float64))[None]


@pytest.mark.parametrize(
    "degrees, expected",
    [
        ((0, 0), (1, 0, 0, 1)),
        ((90, 0), (1, 1, 0, 0)),
        ((180, 0), (1, 0, 0, -1)),
        ((-90, 0), (1, -1, 0, 0)),
        ((0, 90), (1, 0, 1, 0)),
        ((0, -90), (1, 0, -1, 0)),
        ((30, 60), (1, 1 / 4, 3**0.5 / 2, 3**0.5 / 4)),
    ],
)
def test_gains_are_those_of_ambix_in_the_order_w_y_z_x(degrees, expected):
    azimuth, elevation = (torch.tensor(math.radians(a), dtype=torch.float64) for a in degrees)
    assert direction_gains(unit_vector(azimuth, elevation)).tolist() == pytest.approx(
        expected, abs=1e-15
    )


@given(st.floats(NEAREST, 50.0), st.floats(-3.1, 3.1), st.floats(-1.5, 1.5))
def test_the_gain_is_the_inverse_of_the_distance(distance, azimuth, elevation):
    direction = unit_vector(*torch.tensor([azimuth, elevation], dtype=torch.float64))
    expected = direction_gains(direction) / distance
    assert place_gains(distance * direction).tolist() == pytest.approx(expected.tolist())


def test_within_the_nearest_distance_the_gain_is_constant_and_the_dipoles_fall_to_nothing():
    gains = place_gains(path((0.1, 0, 0), (1e-9, 0, 0), (0, 0, 0), (0, -0.05, 0)), nearest=0.2)[0]
    assert gains[:, 0].tolist() == pytest.approx([5] * 4)
    assert gains[:, 3].tolist() == pytest.approx([2.5, 0, 0, 0], abs=1e-6)
    assert gains[3, 1].item() == pytest.approx(-1.25)


@given(st.floats(-math.pi, math.pi), st.floats(-1.5, 1.5))
def test_a_source_is_found_where_it_was_put(azimuth, elevation):
    direction = unit_vector(*torch.tensor([azimuth, elevation], dtype=torch.float64))
    foa, _ = encode(noise(4800), 3 * direction[None, None])
    found = field_direction(foa, RATE, 0.1)
    error = angle_between(unit_vector(found.azimuth[0, 0], found.elevation[0, 0]), direction)
    assert float(error) < 1e-7 and float(found.diffuseness) < 1e-12


def test_a_moving_source_is_at_its_keyframes_at_the_ends_of_their_steps():
    source, places = torch.ones(1, 1, 10 * HOP, dtype=torch.float64), circle(10)
    foa, _ = encode(source, places)
    at_ends = foa[0, :, HOP - 1 :: HOP].T
    assert torch.allclose(at_ends, place_gains(places[0]), atol=1e-12)


@pytest.mark.parametrize(
    "places", [circle(30, 3), path(*[(2 - t / 4, 0.0, 0.0) for t in range(17)])]
)
def test_no_gain_jumps_around_the_listener_or_through_it(places):
    source = torch.ones(1, 1, places.shape[1] * HOP, dtype=torch.float64)
    foa, _ = encode(source, places)
    fastest = (places[0, 1:] - places[0, :-1]).norm(dim=-1).max() / HOP  # m per sample
    # Gains are 1/r and unit vectors over r: their slopes are at most 1/r^2 and 2/r^2.
    nearest = places[0].norm(dim=-1).min().clamp_min(NEAREST) * 0.95
    assert foa.diff(dim=-1).abs().max() <= 2 * fastest / nearest**2


@pytest.mark.parametrize("cuts", [(1,) * 12, (5, 4, 3), (1, 11), (7, 5)])
def test_encoding_in_pieces_equals_encoding_whole(cuts):
    source, places = noise(12 * HOP, batch=2), torch.cat([circle(12), circle(12, -2, 0.1)])
    whole, _ = encode(source, places)
    joined, _ = in_pieces(encode, source, places, HOP, cuts)
    assert torch.allclose(joined, whole, rtol=0, atol=1e-12)


def test_a_later_place_changes_nothing_before_and_a_state_can_be_used_twice():
    source, places = noise(4 * HOP), circle(4)
    moved = places.clone()
    moved[:, 3] = 5.0
    assert torch.equal(
        encode(source, places)[0][..., : 3 * HOP], encode(source, moved)[0][..., : 3 * HOP]
    )
    _, state = encode(source, places)
    assert torch.equal(encode(source, places, state)[0], encode(source, places, state)[0])


def test_the_data_type_stays():
    foa, state = encode(torch.ones(1, 1, 8), torch.ones(1, 2, 3))
    assert foa.dtype == state.dtype == torch.float32 and foa.shape == (1, 4, 8)
