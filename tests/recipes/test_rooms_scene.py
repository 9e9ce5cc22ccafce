"""The rooms' scenes: their log is what happens in them, and the camera sees it."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # recipes are not installed

if importlib.util.find_spec("mujoco") is None:
    pytest.skip("mujoco is not installed", allow_module_level=True)

from recipes.rooms.camera import project  # noqa: E402
from recipes.rooms.contacts import logged  # noqa: E402
from recipes.rooms.log import CONTACT_RATE, FRAME_RATE, Body, from_json  # noqa: E402
from recipes.rooms.materials import MATERIALS  # noqa: E402
from recipes.rooms.physics import Physics  # noqa: E402
from recipes.rooms.room import floor, make_world  # noqa: E402
from recipes.rooms.scene import Scene, render_scene  # noqa: E402
from recipes.rooms.scenes import KINDS, SHARES  # noqa: E402
from recipes.rooms.scenes.drops import held  # noqa: E402
from recipes.rooms.striker import Striker, Target  # noqa: E402
from recipes.rooms.strokes import Manner, movement  # noqa: E402
from recipes.rooms.tools import hammer  # noqa: E402
from recipes.rooms.world import Part  # noqa: E402

ASPECT = 4 / 3


def played(seed: int, kind: str, seconds: float = 4.0):
    """The log of a scene without its pictures, and its camera."""
    scene = Scene(seed, seconds, ASPECT, kind)
    for number in range(round(seconds * FRAME_RATE)):
        scene.physics.advance(number / FRAME_RATE)
    return scene.log(), scene.camera


def test_a_scene_depends_on_its_arguments_only():
    frames, log = render_scene(5, 0.2, (64, 48), "strike")
    again, same = render_scene(5, 0.2, (64, 48), "strike")
    assert frames.shape == (6, 48, 64, 3) and frames.dtype == np.uint8
    assert np.array_equal(frames, again) and log == same
    assert not np.array_equal(frames, render_scene(6, 0.2, (64, 48), "strike")[0])


@pytest.mark.parametrize("bounce", [0.3, 0.6, 0.8])
@pytest.mark.parametrize("height", [0.3, 1.0])
def test_a_dropped_ball_lands_when_and_as_hard_as_gravity_says(bounce, height):
    world = make_world(0, 0)
    floor(world, "mineral")
    mass, radius = 0.2, 0.05
    ball = Body("ball", "wood", "sphere", 2 * radius, radius, mass)
    start = held(np.array([0, 0, height + radius]), np.eye(3), 0.0, np.zeros(6))
    finish = world.finish("wood")
    world.add("ball", [Part("sphere", (radius,))], finish, start, ball, bounce)
    physics = Physics(world)
    physics.advance(1.2)
    names = {int(physics.model.body(name).id): name for name in world.bodies}
    first = logged(physics.records, names, {}, 1.2)[0][0]
    speed = math.sqrt(2 * 9.81 * height)
    assert first.time == pytest.approx(math.sqrt(2 * height / 9.81), abs=1 / 480)
    assert first.bodies == ("ball", "floor") and first.speed == pytest.approx(speed, rel=0.02)
    assert first.impulse == pytest.approx(mass * speed * (1 + bounce), rel=0.1)


def striker(misses: float):
    """A hammer at a place on a table, with a given share of misses."""
    world = make_world(1, 0)
    tool = hammer(world, "hammer", world.finish("skin"))
    target = Target(np.array([0, 0, 0.8]), np.array([0, 0, 1.0]), "table")
    how = Manner(0.5, 0.2, 0.6, misses, 0.05, 0.0, 0.1)
    moved = movement(np.random.default_rng(2), 60.0, how, [0], 0.0)
    return Striker(tool, [target], moved, np.array([0.4, 0, 1.2])), moved


def heights(made: Striker, times: np.ndarray) -> np.ndarray:
    """m, of the hammer's face above the target."""
    found = []
    for time in times:
        place, axes = made.hand(float(time))
        found.append((place + axes @ made.tool.contact)[2] - 0.8)
    return np.array(found)


def test_a_hit_meets_its_target_when_the_log_says():
    made, moved = striker(0.0)
    times = np.array([stroke.time for stroke in moved.strokes])
    assert len(times) > 50 and all(stroke.hit for stroke in moved.strokes)
    assert np.abs(heights(made, times)).max() < 1e-6
    before = heights(made, times - 1e-3) / 1e-3
    speeds = np.array([made.speed(stroke) for stroke in moved.strokes])
    assert np.allclose(before, speeds, rtol=0.1)


def test_a_miss_stops_in_the_air_as_fast_as_a_hit_stops_at_its_target():
    made, moved = striker(1.0)
    assert not any(stroke.hit for stroke in moved.strokes)
    assert heights(made, np.arange(0, 60, 0.01)).min() > 0.005
    hits = striker(0.0)[1]
    rates = [np.median([s.rate for s in m.strokes]) for m in (moved, hits)]
    assert rates[0] == pytest.approx(rates[1], rel=0.15)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_scene_has_a_valid_log(kind):
    log, _ = played(3, kind)
    assert from_json(log.to_json()) == log
    names = {body.name for body in log.bodies}
    assert all(body.material in MATERIALS and body.mass > 0 for body in log.bodies)
    for impact in log.impacts:
        assert set(impact.bodies) <= names and 0 <= impact.time < log.seconds
        assert 0 < impact.impulse < 300 and 0 < impact.speed < 15, impact
    for contact in log.contacts:
        assert set(contact.bodies) <= names and 0 <= contact.start < log.seconds
        lasting = len(contact.force)
        assert len(contact.slip) == len(contact.roll) == lasting
        assert contact.start + lasting / CONTACT_RATE < log.seconds + 0.05
        assert len(contact.path) >= lasting * FRAME_RATE // CONTACT_RATE
        assert max(contact.slip) < 15 and max(contact.roll) < 15 and min(contact.force) >= 0
    frames = round(log.seconds * FRAME_RATE)
    assert all(len(source.level) == len(source.path) == frames for source in log.sources)
    assert len(log.listener.place) == frames
    ahead, up = np.array(log.listener.forward), np.array(log.listener.up)
    assert np.allclose(np.linalg.norm(ahead, axis=1), 1) and np.allclose((ahead * up).sum(1), 0)


@pytest.mark.parametrize("seed", range(4))
def test_still_scenes_make_no_sound(seed):
    log, _ = played(seed, "still")
    assert not log.impacts and not log.contacts and not log.sources


def test_most_strikes_are_in_the_picture():
    inside = []
    for kind in ("strike", "drum", "chop", "knock"):
        for seed in range(2):
            log, camera = played(seed, kind)
            for impact in log.impacts:
                x, y = project(camera, impact.time, np.array(impact.point), ASPECT)
                inside.append(abs(x) < 1 and abs(y) < 1)
    assert len(inside) > 20 and np.mean(inside) > 0.9


def test_strikes_are_two_fifths_of_the_clips():
    assert sum(SHARES.values()) == pytest.approx(1) and set(SHARES) == set(KINDS)
    assert sum(SHARES[kind] for kind in ("strike", "drum", "chop", "knock")) == pytest.approx(0.4)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="got kind 'opera'; expected one of"):
        Scene(0, 1.0, ASPECT, "opera")
