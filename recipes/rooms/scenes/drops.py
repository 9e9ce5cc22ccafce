"""Balls, boxes and other things that fall onto a table or the floor, and bounce."""

from __future__ import annotations

import numpy as np

from ..camera import Focus
from ..materials import MATERIALS
from ..room import clutter, floor, table, walls
from ..rotations import about, unit
from ..script import Script
from ..things import Thing, ball, thing
from ..world import Part, Pose, Release, World

BOUNCE = {"wood": 0.45, "metal": 0.4, "glass": 0.55, "stone": 0.35, "ceramic": 0.45,
          "plastic": 0.7, "cardboard": 0.2, "cloth": 0.1}  # fmt: skip


def held(place: np.ndarray, axes: np.ndarray, time: float, velocity: np.ndarray) -> Release:
    """A body that stays where it is until `time` and then has `velocity` (6)."""

    def path(_: float) -> Pose:
        return place, axes

    return Release(time, path, tuple(float(v) for v in velocity))


def centred(made: Thing) -> tuple[Part, ...]:
    """The parts of a thing with the origin at half its height, about which it turns."""
    down = made.height / 2
    return tuple(
        Part(**{**vars(p), "place": (p.place[0], p.place[1], p.place[2] - down)})
        for p in made.parts
    )


def dropped(world: World) -> tuple[Thing, float]:
    """A thing to drop and its restitution: a ball more often than not."""
    rng = world.rng
    material = str(rng.choice(list(MATERIALS)))
    if rng.random() < 0.5:
        material = str(
            rng.choice(["plastic", "plastic", "wood", "metal", "glass", "cloth", "stone"])
        )
        made = ball(world, material)
    else:
        made = thing(world, material)
    return made, float(np.clip(BOUNCE[material] * rng.uniform(0.6, 1.3), 0.03, 0.88))


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    floor(world)
    walls(world)
    low = rng.random() < 0.45
    surface = 0.0 if low else table(world)[1]
    number = int(rng.integers(1, 7))
    fall = rng.uniform(0.15, 0.5) * (1.7 if low else 1.0)
    spread = 0.12 + 0.04 * number
    times = np.sort(rng.uniform(0.4, max(seconds - 1.5, 0.8), number))
    labels = {}
    for i, time in enumerate(times):
        made, bounce = dropped(world)
        place = np.array([*rng.uniform(-spread, spread, 2), 0]) + [0, 0, surface + made.height / 2]
        place[2] += fall * rng.uniform(0.6, 1.1)
        is_ball = made.shape == "sphere"
        axes = about(unit(rng.standard_normal(3)), 0 if rng.random() < 0.3 else rng.uniform(0, 2))
        speed = rng.standard_normal(6) * ([0.25] * 2 + [0.1] + [2.0] * 3)
        # Balls and boxes wait above the frame or, when low, hang in the air as if held.
        name = f"{made.material} {made.shape} {i}"
        release = held(place, axes, float(time), speed if rng.random() < 0.7 else 0 * speed)
        friction = 0.4 if is_ball else 0.6
        world.add(name, centred(made), made.finish, release, made.body(name), bounce, friction)
        labels[name] = ("drop", "bounce")
    centre = np.array([0, 0, surface + fall / 3])
    clutter(world, (0, 0, surface), 2.2 * spread, 3 * spread, int(rng.integers(0, 5)))
    focus = Focus(centre, max(spread * 1.6, fall * 0.75), rng.uniform(0, 360), lowest=8)
    return Script("drop", focus, labels=labels)
