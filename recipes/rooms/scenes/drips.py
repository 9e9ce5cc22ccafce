"""Drops that fall into a vessel one by one, and a tap that runs for a while."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from ..camera import Focus
from ..decor import put
from ..log import FRAME_RATE, Body, Impact, Source
from ..room import clutter, floor_or_table
from ..rotations import along, smooth
from ..script import Script, triple
from ..things import vessel
from ..world import Part, World

UP = np.array([0.0, 0.0, 1.0])
GRAVITY = 9.81
WATER = (0.75, 0.85, 0.95, 0.7)


def basin(world: World, surface: float) -> tuple[str, float, float]:
    """An open vessel with water; its name, the height of the water and its radius."""
    rng = world.rng
    material = str(rng.choice(["metal", "ceramic", "plastic", "glass", "wood"]))
    r, z = rng.uniform(0.07, 0.14), rng.uniform(0.05, 0.13)
    profile = [(0.001, 0), (0.75 * r, 0), (r, z), (0.96 * r, z), (0.72 * r, 0.006), (0.001, 0.006)]
    made = vessel(world, material, profile, 0.003, 0.5 * r)
    high = z * rng.uniform(0.3, 0.75)
    wide = (0.73 + 0.23 * high / z) * r
    water = world.colour([0.35, 0.5, 0.55], 0.9)
    parts = [*made.parts, Part("cylinder", (wide, 0.001), (0, 0, high), None, water)]
    name = f"{material} vessel"
    world.add(name, parts, made.finish, (surface * UP, np.eye(3)), made.body(name))
    return name, surface + high, wide


def spout(world: World, mouth: np.ndarray) -> None:
    """A tap whose mouth is at `mouth`."""
    metal = world.finish("metal")
    bent = along(np.array([1.0, 0, 0]))
    parts = [
        Part("capsule", (0.012, 0.02), (0, 0, 0.025)),
        Part("capsule", (0.012, 0.08), (0.08, 0, 0.045), bent),
        Part("cylinder", (0.015, 0.2), (0.16, 0, -0.15)),
        Part("box", (0.03, 0.006, 0.006), (0.16, 0, 0.075)),
    ]
    world.add("tap", parts, metal, (mouth, np.eye(3)))


class Water:
    """Drops with their ripples, and the stream, as they are drawn."""

    def __init__(self, mouth: np.ndarray, level: float, wide: float) -> None:
        self.mouth, self.level, self.wide = mouth, level, wide
        self.fall = math.sqrt(2 * (mouth[2] - level) / GRAVITY)
        self.drops: list[float] = []  # s, of their impacts
        self.runs: list[tuple[float, float]] = []

    def flow(self, time: float) -> float:
        return max((smooth((time - a) / 0.3) - smooth((time - b) / 0.3) for a, b in self.runs),
                   default=0.0)  # fmt: skip

    def draw(self, scene: mujoco.MjvScene, time: float) -> None:
        for landing in self.drops:
            since = time - landing + self.fall
            if -0.5 < since < 0:
                grown = 0.0045 * (1 + since / 0.5)
                put(scene, "sphere", (grown,), self.mouth, WATER)
            elif 0 <= since < self.fall:
                place = self.mouth - 0.5 * GRAVITY * since**2 * UP
                put(scene, "ellipsoid", (0.004, 0.004, 0.0055), place, WATER)
            elif 0 <= time - landing < 0.8:
                self._ripple(scene, time - landing)
        flow = self.flow(time)
        if flow > 0.02:
            half = (self.mouth[2] - self.level) / 2
            wide = 0.006 * flow * (1 + 0.1 * math.sin(60 * time))
            place = np.array([*self.mouth[:2], self.level + half])
            put(scene, "cylinder", (wide, half), place, WATER)
            for k in range(5):
                self._ripple(scene, (0.13 * k + time) % 0.6)

    def _ripple(self, scene: mujoco.MjvScene, since: float) -> None:
        radius = min(0.006 + 0.14 * since, self.wide)
        place = np.array([*self.mouth[:2], self.level + 0.0012 + 0.0001 * since])
        shade = (0.95, 0.97, 1.0, 0.45 * max(1 - since / 0.8, 0))
        put(scene, "cylinder", (radius, 0.0004), place, shade)
        if since < 0.15:  # the jet after a drop
            high = 0.02 * math.sin(math.pi * since / 0.15)
            put(scene, "ellipsoid", (0.003, 0.003, high + 0.001), place + high * UP, WATER)


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    _, surface = floor_or_table(world, 0.3)
    name, level, wide = basin(world, surface)
    mouth = np.array([*rng.uniform(-0.3, 0.3, 2) * wide, level + rng.uniform(0.15, 0.45)])
    spout(world, mouth)
    water = Water(mouth, level, wide)
    script = Script("drip", Focus(np.zeros(3), 1.0), decor=[water.draw])
    if rng.random() < 0.4:
        start = rng.uniform(0.5, seconds * 0.6)
        water.runs.append((start, start + rng.uniform(1.5, 5.0)))
        frames = round(seconds * FRAME_RATE)
        levels = tuple(float(water.flow(i / FRAME_RATE)) for i in range(frames))
        place = triple(np.array([*mouth[:2], level]))
        script.sources.append(Source(0.0, "tap", levels, (place,) * frames, 0.03))
    period = float(np.exp(rng.uniform(math.log(0.25), math.log(2.0))))
    time = rng.uniform(0.4, 1.5)
    world.bodies["drop"] = Body("drop", "plastic", "sphere", 0.009, 0.009, 4e-4)
    point = triple(np.array([*mouth[:2], level]))
    speed = GRAVITY * water.fall
    while time < seconds:
        if water.flow(time - water.fall) < 0.05:
            water.drops.append(time)
            script.impacts.append(Impact(time, "drip", ("drop", name), 4e-4 * speed, speed, point))
        time += period * float(np.exp(rng.normal(0, 0.15)))
    clutter(world, (0, 0, surface), 0.3, 0.5, int(rng.integers(0, 4)))
    centre = np.array([0, 0, (level + mouth[2]) / 2 - 0.02])
    radius = (mouth[2] - level) * rng.uniform(0.5, 0.8) + 0.04
    script.focus = Focus(centre, radius, rng.uniform(0, 360), 180, lowest=12, highest=50)
    return script
