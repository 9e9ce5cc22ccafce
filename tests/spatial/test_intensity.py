import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sr_core.spatial.directions import angle_between, unit_vector
from sr_core.spatial.encode import direction_gains
from sr_core.spatial.intensity import field_direction
from sr_core.spatial.rotation import quaternion, rotate, rotate_vector

RATE = 8000


def noise(samples=RATE, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, dtype=torch.float64, generator=generator)


def wave(signal, azimuth, elevation=0.0):  # (s) -> (1 4 s)
    direction = unit_vector(*torch.tensor([azimuth, elevation], dtype=torch.float64))
    return direction_gains(direction)[None, :, None] * signal


@given(st.floats(-math.pi, math.pi), st.floats(-1.5, 1.5), st.floats(1e-3, 10))
def test_a_plane_wave_has_its_direction_no_diffuseness_and_its_energy(azimuth, elevation, gain):
    signal = gain * noise()
    found = field_direction(wave(signal, azimuth, elevation), RATE, 1.0)
    assert float(found.elevation) == pytest.approx(elevation, abs=1e-9)
    assert math.remainder(float(found.azimuth) - azimuth, 2 * math.pi) == pytest.approx(0, abs=1e-8)
    assert float(found.diffuseness) == pytest.approx(0, abs=1e-12)
    assert float(found.energy) == pytest.approx(float(signal.square().mean()))
    assert found.known.all()


def test_every_window_has_its_own_direction_and_the_last_may_be_shorter():
    azimuths = (0.3, -2.0, 1.0)
    lengths = (RATE // 2, RATE // 2, RATE // 5)
    field = torch.cat([wave(noise(n), a) for n, a in zip(lengths, azimuths, strict=True)], dim=-1)
    found = field_direction(field, RATE)
    assert found.azimuth[0].tolist() == pytest.approx(azimuths)
    assert found.energy[0].tolist() == pytest.approx(
        [noise(n).square().mean().item() for n in lengths]
    )


def test_louder_moments_weigh_by_their_energy():
    field = torch.cat([wave(3 * noise(4000), 0.0), wave(noise(4000), math.pi / 2)], dim=-1)
    found = field_direction(field, RATE, 1.0)
    assert float(found.azimuth) == pytest.approx(math.atan2(1, 9))
    assert float(found.diffuseness) == pytest.approx(1 - math.hypot(1, 9) / 10)


def test_two_opposite_sources_of_equal_strength_have_no_direction():
    a, b = torch.linalg.qr(torch.stack([noise(seed=1), noise(seed=2)], dim=1))[0].T * RATE**0.5
    found = field_direction(wave(a, 0.5) + wave(b, 0.5 - math.pi), RATE, 1.0)
    assert not found.known.any() and float(found.azimuth) == 0
    assert float(found.diffuseness) == pytest.approx(1) and float(found.energy) == pytest.approx(2)


def test_two_uncorrelated_sources_at_right_angles_lie_between():
    a, b = torch.linalg.qr(torch.stack([noise(seed=1), noise(seed=2)], dim=1))[0].T * RATE**0.5
    found = field_direction(wave(a, 0.0) + wave(b, math.pi / 2), RATE, 1.0)
    assert float(found.azimuth) == pytest.approx(math.pi / 4)
    assert float(found.diffuseness) == pytest.approx(1 - 0.5**0.5)


def test_a_diffuse_field_is_nearly_all_diffuse():
    directions = torch.randn(
        300, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4)
    )
    directions /= directions.norm(dim=-1, keepdim=True)
    directions = torch.cat([directions, -directions])
    signals = torch.stack([noise(seed=100 + i) for i in range(600)])
    field = (direction_gains(directions).T @ signals)[None]
    assert float(field_direction(field, RATE, 1.0).diffuseness) > 0.95


@pytest.mark.parametrize("level", [0.0, 1e-5])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_silence_has_no_direction_and_no_nan(level, kind):
    field = (level * wave(noise(), 1.0)).to(kind)
    found = field_direction(field, RATE)
    assert not found.known.any() and (found.azimuth == 0).all() and (found.elevation == 0).all()
    assert (found.diffuseness == 1).all()
    assert all(torch.isfinite(row.double()).all() for row in found)


@pytest.mark.parametrize("w, dipoles", [(1.0, 0.0), (0.0, 1.0)])
def test_pressure_alone_and_velocity_alone_have_no_direction(w, dipoles):
    field = torch.tensor([w, dipoles, dipoles, dipoles])[None, :, None] * torch.ones(RATE)
    found = field_direction(field, RATE)
    assert not found.known.any() and (found.diffuseness == 1).all()


@given(*[st.floats(-math.pi, math.pi)] * 3)
def test_a_rotated_field_has_the_rotated_direction(yaw, pitch, roll):
    field = wave(noise(800), 0.7, 0.2)
    turn = quaternion(*torch.tensor([yaw, pitch, roll], dtype=torch.float64))
    found = field_direction(rotate(field, turn[None, None])[0], RATE)
    before = unit_vector(*torch.tensor([0.7, 0.2], dtype=torch.float64))
    after = unit_vector(found.azimuth[0, 0], found.elevation[0, 0])
    assert float(angle_between(after, rotate_vector(before, turn))) < 1e-9
