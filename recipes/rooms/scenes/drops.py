"""Balls, boxes and other things that fall onto a table or the floor, and bounce."""

from __future__ import annotations

import math

import numpy as np

from ..camera import Focus
from ..carry import COME, LEAVE, WAIT, Carrier, Visit, carrier
from ..limbs import dress
from ..materials import MATERIALS
from ..room import clutter, floor_or_table
from ..rotations import about, unit
from ..script import Script
from ..things import Thing, ball, coin, thing
from ..world import Part, Pose, Release, World

BOUNCE = {
    "wood": 0.45,
    "metal": 0.4,
    "glass": 0.55,
    "stone": 0.35,
    "ceramic": 0.45,
    "plastic": 0.7,
    "cardboard": 0.2,
    "cloth": 0.1,
}
BALLS = ("plastic", "plastic", "wood", "metal", "glass", "cloth", "stone")
GRAVITY = 9.81
UP = np.array([0.0, 0.0, 1.0])


def hidden(number: int) -> np.ndarray:
    """A place far above the room, one for each body that waits there."""
    return np.array([0.0, 0.0, 60.0 + 10 * number])


def held(place: np.ndarray, axes: np.ndarray, time: float, velocity: np.ndarray) -> Release:
    """A body that stays at `place` until `time` and then has `velocity` (6)."""

    def path(_: float) -> Pose:
        return place, axes

    return Release(time, path, tuple(float(v) for v in velocity))


def appears(
    number: int, place: np.ndarray, axes: np.ndarray, time: float, velocity: np.ndarray
) -> Release:
    """A body that is far away and comes into being at `place` outside the frame at `time`."""

    def path(now: float) -> Pose:
        return (place if now > time - 0.002 else hidden(number)), axes

    return Release(time, path, tuple(float(v) for v in velocity))


def carried(number: int, hand: Carrier, visit: Visit, down: float, axes: np.ndarray) -> Release:
    """A body below a hand that brings it; `down`: metres from the hand to its centre."""

    def path(now: float) -> Pose:
        if now < visit.time - COME - WAIT:
            return hidden(number), axes
        return hand.hand(now)[0] - down * UP, axes

    return Release(visit.time, path)


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
    choice = rng.random()
    if choice < 0.45:
        material = str(rng.choice(BALLS))
        made = ball(world, material)
    elif choice < 0.6:
        material, made = "metal", coin(world)
    else:
        made = thing(world, material)
    bounce = BOUNCE[material] * rng.uniform(0.6, 1.3) * (1.0 if made.shape == "sphere" else 0.6)
    return made, float(np.clip(bounce, 0.03, 0.88))


def flight(world: World, number: int, made: Thing, spot: np.ndarray, time: float) -> Release:
    """A fall from above the frame, or a throw from beside it, that comes down at `spot`."""
    rng = world.rng
    axes = about(unit(rng.standard_normal(3)), rng.uniform(0, 2))
    if rng.random() < 0.6:
        top = min(rng.uniform(0.7, 1.5), world.room[2] - spot[2] - 0.3)
        velocity = rng.standard_normal(6) * [0.1, 0.1, 0.1, 3, 3, 3]
        return appears(number, spot + top * UP, axes, time, velocity)
    angle, far, lasting = rng.uniform(0, 2 * math.pi), rng.uniform(0.8, 1.3), rng.uniform(0.3, 0.55)
    start = spot + [far * math.cos(angle), far * math.sin(angle), rng.uniform(0.1, 0.5)]
    speed = (spot - start) / lasting + 0.5 * GRAVITY * lasting * UP
    return appears(number, start, axes, time, np.array([*speed, *rng.standard_normal(3) * 4]))


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    low, surface = floor_or_table(world, 0.45)
    fall = rng.uniform(0.12, 0.4) * (1.6 if low else 1.0)
    by_hand = rng.random() < 0.55
    step = COME + WAIT + LEAVE + 0.1
    number = int(rng.integers(1, max(int((seconds - 1) / step), 1) + 1))
    labels: dict[str, tuple[str, str]] = {}
    slack = max(seconds - 1.0 - number * step, 0.1)
    times = np.sort(rng.uniform(0, slack, number)) + step * (np.arange(number) + 0.75)
    things = [dropped(world) for _ in range(number)]
    spots = [np.array([*rng.uniform(-0.15, 0.15, 2), surface]) for _ in range(number)]
    downs = [made.height / 2 + 0.014 for made, _ in things]
    visits = [
        Visit(float(t), s + UP * (fall * rng.uniform(0.6, 1.1) + m.height / 2 + d))
        for t, s, d, (m, _) in zip(times, spots, downs, things, strict=True)
    ]
    turn = rng.uniform(0, 2 * math.pi)
    shoulder = np.array([0.62 * math.cos(turn), 0.62 * math.sin(turn), surface + fall + 0.3])
    hand = carrier(world, dress(world), visits, shoulder) if by_hand else None
    for i, (made, bounce) in enumerate(things):
        name = f"{made.material} {made.shape} {i}"
        if hand:
            axes = about(UP, rng.uniform(0, 6))
            release = carried(i, hand, visits[i], downs[i], axes)
        else:
            release = flight(world, i, made, spots[i] + UP * made.height / 2, float(times[i]))
        world.add(name, centred(made), made.finish, release, made.body(name), bounce)
        labels[name] = ("drop", "bounce")
    centre = np.array([0, 0, surface + fall / 3])
    clutter(world, (0, 0, surface), 0.4, 0.7, int(rng.integers(0, 5)))
    focus = Focus(
        centre, rng.uniform(0.25, 0.5), math.degrees(turn) + 180, 130, lowest=8, highest=70
    )
    return Script("drop", focus, labels=labels, surface=surface)
