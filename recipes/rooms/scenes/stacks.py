"""Towers and rows of things that a hand pushes over or sweeps off."""

from __future__ import annotations

import math

import numpy as np

from ..camera import Focus
from ..limbs import Arm, add_arm, dress, fist
from ..log import Body
from ..materials import MATERIALS
from ..room import clutter, floor, table, walls
from ..rotations import frame, smooth, turned
from ..script import Script
from ..things import Thing, block, bottle, cylinder
from ..world import Part, Pose, World
from .drops import BOUNCE, centred, held

UP = np.array([0.0, 0.0, 1.0])


def piece(world: World, row: bool) -> tuple[Thing, str]:
    material = str(world.rng.choice(list(MATERIALS)[:-1]))
    if row and material in ("glass", "plastic") and world.rng.random() < 0.6:
        return bottle(world, material), material
    maker = block if world.rng.random() < 0.6 else cylinder
    return maker(world, material), material


def stand(world: World, surface: float, row: bool, labels: dict) -> float:  # type: ignore[type-arg]
    """A tower, or a row along y; its height."""
    rng = world.rng
    high, aside, count = surface + 0.0005, 0.0, int(rng.integers(3, 7))
    for i in range(count):
        made, material = piece(world, row)
        name = f"{material} {made.shape} {i}"
        if row:
            aside += made.width + 0.01
        place = np.array([rng.normal(0, 0.004), aside, high + made.height / 2])
        turn = turned(rng.uniform(-12, 12))
        release = held(place, turn, 0.0, np.zeros(6))
        bounce = BOUNCE[material] * rng.uniform(0.3, 0.6)
        world.add(name, centred(made), made.finish, release, made.body(name), bounce)
        labels[name] = ("drop", "bounce")
        if row:
            aside += made.width + 0.01
        elif high + made.height < surface + 0.45:
            high += made.height + 0.0005
        else:
            return high - surface + made.height
    return 0.18 if row else high - surface


def push(world: World, seconds: float, surface: float, high: float, row: bool) -> float:
    """An arm whose fist goes through what stands there; where it comes from, in degrees."""
    rng = world.rng
    degrees = -90.0 if row else rng.uniform(0, 360)
    away = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0])
    low = surface + max(min(rng.uniform(0.5, 0.9) * high, high - 0.03), 0.07)
    begin, lasting = rng.uniform(0.8, max(seconds - 4.5, 1.0)), rng.uniform(0.35, 1.1)
    through = (1.1 if row else 0.45) * rng.uniform(0.8, 1.1)
    start = 0.42 * away + low * UP
    axes = frame(-away, UP)

    def path(time: float) -> Pose:
        share = smooth((time - begin) / lasting) * through
        back = smooth((time - begin - lasting - 0.3) / 0.8) * (through + 0.4)
        return start - (share - back) * away + UP * 0.25 * math.sin(math.pi * back / 2), axes

    look = dress(world)
    shoulder = start + 0.4 * away + UP * 0.3
    hint = -UP + 0.5 * np.cross(UP, away)
    add_arm(world, "pusher arm", Arm(path, shoulder, hint), look, fist(look.hand))
    solid = [Part("sphere", (0.038,), (0.0, 0.0, 0.0))]
    world.drive("pusher", solid, look.hand, path, Body("pusher", "cloth", "box", 0.1, 0.07, 0.6))
    return degrees


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    floor(world)
    walls(world)
    low, row = rng.random() < 0.4, rng.random() < 0.35
    surface = 0.0 if low else table(world)[1]
    labels: dict[str, tuple[str, str]] = {"pusher": ("push", "push")}
    high = stand(world, surface, row, labels)
    degrees = push(world, seconds, surface, high, row)
    clutter(world, (0, 0, surface), 0.6, 0.9, int(rng.integers(0, 3)))
    centre = np.array([0, 0.25 if row else 0, surface + high / 3])
    radius = max(high * 0.75, 0.3) * rng.uniform(0.9, 1.5)
    focus = Focus(centre, radius, degrees + 180, 120, lowest=8, highest=65)
    return Script("stack", focus, labels=labels)
