"""Carts, toy cars and larger vehicles that roll by, stop and come back."""

from __future__ import annotations

import math

import numpy as np

from ..camera import Focus
from ..curves import rubbing
from ..log import Body
from ..looks import any_colour
from ..room import GROUNDS, floor
from ..rotations import about, smooth
from ..script import Script
from ..world import Part, Pose, World

OUTDOOR = True
Y = np.array([0.0, 1.0, 0.0])
SIZES = {"toy": 0.12, "trolley": 0.5, "cart": 0.9, "car": 2.2}  # m, half lengths
MASSES = {"toy": 0.3, "trolley": 15.0, "cart": 60.0, "car": 900.0}


class Drive:
    """Movements along x between stops: (start, end, from, to)."""

    def __init__(self, rng: np.random.Generator, seconds: float, reach: float, speed: float):
        self.moves: list[tuple[float, float, float, float]] = []
        time, now = rng.uniform(0.0, 1.0), -reach if rng.random() < 0.7 else 0.0
        self.begin = now
        while time < seconds:
            to = rng.uniform(0.3, 1) * reach * (-1 if now > 0 else 1)
            if rng.random() < 0.25:
                to = 0.0
            lasting = max(abs(to - now) / speed, 0.6) * rng.uniform(0.8, 1.5)
            self.moves.append((time, time + lasting, now, to))
            time, now = time + lasting + rng.uniform(0.3, 1.8), to

    def at(self, time: float) -> float:
        x = self.begin
        for start, end, a, b in self.moves:
            if time >= start:
                x = a + (b - a) * smooth((time - start) / (end - start))
        return x


def wheel(world: World, radius: float, tyre: str, hub: str) -> list[Part]:
    """A wheel about y with spokes, which show that it turns."""
    side = about(np.array([1.0, 0, 0]), math.pi / 2)
    half = 0.22 * radius
    parts = [
        Part("cylinder", (radius, half), (0, 0, 0), side, tyre),
        Part("cylinder", (0.6 * radius, half * 1.05), (0, 0, 0), side, hub),
    ]
    for i in range(3):
        turn = about(Y, i * math.pi / 3)
        parts.append(
            Part("box", (0.62 * radius, half * 1.12, 0.07 * radius), (0, 0, 0), turn, tyre)
        )
    return parts


def body_parts(world: World, kind: str, long: float, axle: float) -> tuple[list[Part], str]:
    """The vehicle above its wheels, about the middle of its length on the ground."""
    rng = world.rng
    paint = world.colour(any_colour(rng), 0.6)
    glass = world.colour([0.12, 0.15, 0.2], 0.9)
    wide, base = 0.42 * long, axle * 1.1
    if kind in ("toy", "car"):
        cabin, roof = (-0.08 * long, 0, base + 0.45 * long), (-0.08 * long, 0, base + 0.6 * long)
        return [
            Part("box", (long, wide, 0.16 * long), (0, 0, base + 0.16 * long)),
            Part("box", (0.5 * long, 0.88 * wide, 0.13 * long), cabin, None, glass),
            Part("box", (0.42 * long, 0.9 * wide, 0.03 * long), roof),
        ], paint
    surface = world.finish("wood" if rng.random() < 0.5 else "metal", metres=0.5)
    bar = world.colour([0.6, 0.6, 0.65], 0.8)
    tall = 0.35 * long
    parts = [
        Part("box", (long, wide, 0.03 * long), (0, 0, base + 0.05 * long)),
        Part("box", (0.03, wide, tall), (long, 0, base + tall)),
        Part("box", (0.03, wide, tall), (-long, 0, base + tall)),
        Part("cylinder", (0.015, wide), (-1.25 * long, 0, base + 2.4 * tall),
             about(np.array([1.0, 0, 0]), math.pi / 2), bar),
    ]  # fmt: skip
    for y in (-0.9, 0.9):
        lean = about(Y, -0.35)
        place = (-1.1 * long, y * wide, base + 1.7 * tall)
        parts.append(Part("cylinder", (0.014, 0.85 * tall), place, lean, bar))
    for _ in range(int(rng.integers(1, 4))):  # its load
        half = rng.uniform(0.1, 0.28, 3) * long
        place = (rng.uniform(-0.5, 0.5) * long, 0, base + 0.08 * long + float(half[2]))
        crate = world.finish(str(rng.choice(["cardboard", "wood", "plastic", "cloth"])))
        parts.append(Part("box", tuple(half.tolist()), place, None, crate))
    return parts, surface


def add_wheels(
    world: World,
    script: Script,
    drive: Drive,
    kind: str,
    long: float,
    radius: float,
    seconds: float,
) -> None:
    """Four wheels that turn as the vehicle moves, each with its contact."""
    rng = world.rng
    tyre = world.colour(np.full(3, rng.uniform(0.05, 0.25)))
    hub = world.colour(np.full(3, rng.uniform(0.5, 0.9)), 0.8)
    material = str(rng.choice(["plastic", "plastic", "metal", "wood"]))
    force = MASSES[kind] * 9.81 / 4
    for number, (x, y) in enumerate(((0.65, 1), (0.65, -1), (-0.65, 1), (-0.65, -1))):
        offset = np.array([x * long, y * 0.42 * long, 0])

        def path(time: float, offset: np.ndarray = offset) -> Pose:
            along = drive.at(time)
            place = offset + [along, 0, radius]
            return place, about(Y, along / radius)

        def touch(time: float, offset: np.ndarray = offset) -> np.ndarray:
            return offset + [drive.at(time), 0, 0]

        name = f"wheel {number}"
        body = Body(name, material, "cylinder", 2 * radius, 0.3 * radius, MASSES[kind] / 40)
        world.add(name, wheel(world, radius, tyre, hub), tyre, path, body)
        for start, end, _, _ in drive.moves:
            if start < seconds - 0.1:
                bodies = (name, "floor")
                end = min(end, seconds)
                script.contacts.append(
                    rubbing(start, end, "wheel", bodies, touch, force, True, rng)
                )


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    kind = str(rng.choice(list(SIZES)))
    long = SIZES[kind] * rng.uniform(0.8, 1.2)
    floor(world, str(rng.choice([g for g in GROUNDS if g not in ("grass",)])))
    radius = long * rng.uniform(0.16, 0.24) if kind in ("toy", "car") else rng.uniform(0.05, 0.14)
    reach = long * rng.uniform(1.5, 3.5)
    drive = Drive(rng, seconds, reach, long * rng.uniform(1.0, 3.0))
    parts, finish = body_parts(world, kind, long, radius)
    world.add("vehicle", parts, finish, lambda t: (np.array([drive.at(t), 0, 0]), np.eye(3)))
    script = Script("wheels", Focus(np.zeros(3), 1.0))
    add_wheels(world, script, drive, kind, long, radius, seconds)
    centre = np.array([0, 0, 0.35 * long])
    size = max(long * rng.uniform(0.8, 1.5), 0.2)
    towards = float(rng.choice([90.0, -90.0]))
    script.focus = Focus(centre, size, towards, 50.0, lowest=4, highest=40)
    return script
