"""The rooms' recordings: time, direction and level are those of the log."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # recipes are not installed

if importlib.util.find_spec("scipy") is None:
    pytest.skip("needs scipy", allow_module_level=True)

from recipes.rooms import acoustics, sound  # noqa: E402
from recipes.rooms.ambient import LOUDNESS, source_sound  # noqa: E402
from recipes.rooms.dry import Dry  # noqa: E402
from recipes.rooms.encode import AmbiX, Stereo  # noqa: E402
from recipes.rooms.friction import contact_sound  # noqa: E402
from recipes.rooms.log import (  # noqa: E402
    Body,
    Contact,
    Impact,
    Listener,
    Log,
    Source,
    direction,
)
from sr_core.spatial.directions import unit_vector  # noqa: E402
from sr_core.spatial.encode import direction_gains  # noqa: E402

RATE = 48_000
BODIES = (
    Body("hammer", "metal", "rod", 0.3, 0.03, 0.5),
    Body("ball", "wood", "sphere", 0.08, 0.08, 0.17),
    Body("floor", "stone", "plate", 5.0, 0.1, 2000.0, True),
)
PLACE = (1.5, 0.6, 0.4)


def log(seconds=2.0, seed=3, room=(4.0, 5.0, 2.5), **events) -> Log:
    frames = round(seconds * 30)
    still = Listener(
        ((0.0, 0.0, 1.2),) * frames, ((1.0, 0.0, 0.0),) * frames, ((0.0, 0.0, 1.0),) * frames, 60.0
    )
    return Log("t", seed, seconds, room, still, BODIES, **events)


def strike(time=0.5, point=PLACE) -> Impact:
    return Impact(time, "strike", ("hammer", "floor"), 1.0, 3.0, point)


def contact(kind, slip, roll, seconds=1.0) -> Contact:
    count = round(480 * seconds)
    path = (PLACE,) * round(30 * seconds)
    return Contact(
        0.2, kind, ("ball", "floor"), (slip,) * count, (roll,) * count, (5.0,) * count, path
    )


@pytest.mark.parametrize("point", [(0.6, 0.0, 1.2), PLACE, (1.9, -2.3, 0.1)])
@pytest.mark.parametrize("encoder", [Stereo(), AmbiX()])
def test_an_impact_is_heard_after_its_way_at_343_metres_a_second(point, encoder):
    made = log(impacts=(strike(0.5, point),))
    heard = sound.pressure(made, encoder)[0]
    distance = direction(made.listener, 0.5, point)[2]
    onset = np.argmax(np.abs(heard) > 0.05 * np.abs(heard).max()) / RATE
    assert -1 / RATE < onset - (0.5 + distance / 343) < 1e-3
    before = heard[: int((0.5 + distance / 343) * RATE) - 1]
    assert np.abs(before).max() < 1e-12 * np.abs(heard).max()


def test_directions_are_those_of_the_log():
    made, points = log(), np.random.default_rng(0).normal(size=(20, 3))
    found = np.stack(acoustics.ears(made.listener).directions(np.zeros(20, int), points), 1)
    expected = [direction(made.listener, 0.0, tuple(point)) for point in points]
    assert found == pytest.approx(np.array(expected))


def test_stereo_has_constant_power_and_left_is_left():
    azimuth = np.array([0.0, 90.0, -90.0, 45.0])
    left, right = Stereo().gains(azimuth, np.zeros(4))
    assert left == pytest.approx([0.5**0.5, 1, 0, np.sin((1 + 0.5**0.5) * np.pi / 4)], abs=1e-12)
    assert left**2 + right**2 == pytest.approx(np.ones(4))
    narrow = Stereo(0.0).gains(azimuth, np.zeros(4))
    assert narrow == pytest.approx(np.full((2, 4), 0.5**0.5))


def test_ambix_has_its_closed_form():
    azimuth, elevation = np.array([0.0, 90.0, 180.0, 30.0]), np.array([0.0, 0.0, 90.0, 60.0])
    w, y, z, x = AmbiX().gains(azimuth, elevation)
    assert w == pytest.approx(np.ones(4))
    assert y == pytest.approx([0, 1, 0, 0.25], abs=1e-12)
    assert z == pytest.approx([0, 0, 1, 3**0.5 / 2], abs=1e-12)
    assert x == pytest.approx([1, 0, 0, 3**0.5 / 4], abs=1e-12)


def test_ambix_is_the_package_s_encoder():
    """The recipe computes it by itself, since making clips needs no PyTorch."""
    degrees = np.random.default_rng(0).uniform(-90, 90, (2, 50))
    package = direction_gains(unit_vector(*torch.from_numpy(degrees).deg2rad()))
    assert AmbiX().gains(*degrees) == pytest.approx(package.T.numpy(), abs=1e-12)


@pytest.mark.parametrize("encoder", [Stereo(1.0), Stereo(0.3), AmbiX()])
def test_diffuse_sound_has_the_power_of_sources_from_everywhere(encoder):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40_000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    azimuth = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
    gains = encoder.gains(azimuth, np.degrees(np.arcsin(points[:, 2])))
    mixed = encoder.diffuse() @ encoder.diffuse().T
    assert np.diag(mixed) == pytest.approx((gains**2).mean(1), rel=0.02)


def test_the_ambisonic_dipoles_point_to_the_source():
    made = log(impacts=(strike(),))
    heard = sound.pressure(made, AmbiX())
    azimuth, elevation, distance = direction(made.listener, 0.5, PLACE)
    first = round((0.5 + distance / 343) * RATE)
    direct = heard[:, first : first + 48]  # 1 ms, before the first reflection
    gains = direct @ direct[0] / (direct[0] @ direct[0])
    expected = AmbiX().gains(np.array([azimuth]), np.array([elevation]))[:, 0]
    assert gains == pytest.approx(expected, abs=0.01)


def test_the_direct_sound_falls_with_the_distance():
    dry = Dry(0.1, np.ones(10), ((1.0, 0.0, 1.2),))
    room, encoder, levels = acoustics.room_of((30, 30, 20), 0), AmbiX(), []
    for distance in (1.0, 2.0):
        heard, send = np.zeros((4, RATE)), np.zeros(RATE)
        moved = replace(dry, path=((distance, 0.0, 1.2),))
        acoustics.place(moved, acoustics.ears(log().listener), room, encoder, heard, send)
        first = round((0.1 + distance / 343) * RATE)
        levels.append(heard[0, first : first + 10].mean())
    assert levels == pytest.approx([1.0, 0.5])


def test_a_long_source_is_heard_as_a_short_one_is():
    """The path for sources that move agrees with that for one place."""
    noise = np.random.default_rng(0).standard_normal(RATE)
    room, ears, found = acoustics.room_of((4, 5, 2.5), 0), acoustics.ears(log().listener), []
    for path in ((PLACE,), (PLACE, PLACE)):
        heard, send = np.zeros((2, 2 * RATE)), np.zeros(2 * RATE)
        acoustics.place(Dry(0.25, noise, path), ears, room, Stereo(), heard, send)
        found.append(heard)
    # The second interpolates between samples, which dulls white noise.
    assert np.corrcoef(found[0][0], found[1][0])[0, 1] > 0.85


def test_a_tail_decays_by_60_db_in_its_time():
    room, send = acoustics.room_of((4, 5, 2.5), 1), np.zeros(RATE)
    send[0] = 1.0
    late = acoustics.tail(room, send, AmbiX(), 1)
    assert np.sum(late[0] ** 2) == pytest.approx(room.tail_energy, rel=0.01)
    half = int(room.reverberation / 2 * RATE)
    levels = [np.mean(late[0][at : at + 1200] ** 2) for at in (half, 2 * half - 1200)]
    dull = 10 * np.log10(levels[0] / levels[1])
    assert 20 < dull < 40  # 30 dB, and more where the bright part is still heard


@pytest.mark.parametrize("size, seed", [((3, 3, 2.4), 1), ((7, 7, 3), 2), ((30, 30, 20), 3)])
def test_rooms_have_reverberation_between_a_tenth_and_eight_tenths(size, seed):
    assert 0.1 <= acoustics.room_of(size, seed).reverberation <= 0.8


def test_the_same_log_gives_the_same_sound_and_another_seed_another():
    made = log(impacts=(strike(),), contacts=(contact("scrape", 0.3, 0.0),))
    first = sound.render(made, Stereo())
    assert np.array_equal(first, sound.render(made, Stereo()))
    assert not np.array_equal(first, sound.render(replace(made, seed=4), Stereo()))


@pytest.mark.parametrize("seed", range(6))
def test_nothing_clips_whatever_the_level(seed):
    hard = [replace(strike(0.1 * i), impulse=10.0**i) for i in range(-4, 4)]
    hard = tuple(replace(one, time=0.2 * i + 0.1) for i, one in enumerate(hard))
    heard = sound.render(log(seed=seed, impacts=hard), Stereo())
    assert heard.shape == (2 * RATE, 2) and heard.dtype == np.float32
    assert np.isfinite(heard).all() and np.abs(heard).max() < 0.99


def test_a_knock_peaks_between_minus_20_and_minus_1_decibels():
    peaks = [
        np.abs(sound.render(log(seed=s, impacts=(strike(),)), Stereo())).max() for s in range(8)
    ]
    assert all(-20 < 20 * np.log10(peak) < 0 for peak in peaks)
    assert max(peaks) > 1.5 * min(peaks)


@pytest.mark.parametrize("seed", range(5))
def test_a_silent_scene_is_its_noise_floor_alone(seed):
    heard = sound.render(log(seed=seed), Stereo())
    level = 20 * np.log10(np.sqrt(np.mean(heard**2)))
    assert level == pytest.approx(sound.recording(seed).floor, abs=0.1)
    assert -66 <= level <= -35


def test_the_limiter_leaves_what_is_soft_alone():
    soft = np.linspace(-sound.KNEE, sound.KNEE, 11)
    assert np.array_equal(sound.limited(soft), soft)
    assert np.abs(sound.limited(np.array([-50.0, 50.0]))).max() <= sound.CEILING


@pytest.mark.parametrize(
    "kind, slip, roll",
    [("scrape", 0.3, 0), ("roll", 0, 0.5), ("hinge", 0.1, 0), ("drawer", 0.3, 0), ("wheel", 0, 1)],
)
def test_contacts_sound_while_they_move(kind, slip, roll):
    one = contact(kind, slip, roll)
    moving = contact_sound(log(), one, 0)
    assert moving.start == 0.2 and np.isfinite(moving.sound).all()
    assert np.std(moving.sound[: RATE // 2]) > 1e-4
    still = replace(one, slip=(0.0,) * 480, roll=(0.0,) * 480)
    assert np.std(contact_sound(log(), still, 0).sound) < 1e-9


def test_faster_sliding_is_louder_and_brighter():
    slow, fast = (contact_sound(log(), contact("scrape", v, 0.0), 0).sound for v in (0.05, 0.8))
    assert np.std(fast) > 3 * np.std(slow)


@pytest.mark.parametrize("kind", sorted(LOUDNESS))
def test_sources_follow_their_level(kind):
    level = (0.0,) * 30 + (1.0,) * 90
    dry = source_sound(log(), Source(0.0, kind, level, (PLACE,)), 0)
    assert dry.sound.size == 4 * RATE and np.isfinite(dry.sound).all()
    assert np.std(dry.sound[: RATE // 2]) < 1e-3 * np.std(dry.sound[2 * RATE :])


def test_an_unknown_source_is_named():
    with pytest.raises(ValueError, match="got a source of kind 'choir'; expected one of"):
        source_sound(log(), Source(0.0, "choir", (1.0,), (PLACE,)), 0)
