"""A wood fire, outdoors or in a bowl, that flickers and lights its surroundings."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from ..camera import Focus
from ..decor import put
from ..log import FRAME_RATE, Source
from ..room import clutter, floor
from ..rotations import about, along
from ..script import Script
from ..world import Part, World

OUTDOOR = True
UP = np.array([0.0, 0.0, 1.0])
TONGUES = 26


class Fire:
    """Flames: tongues that rise and thin out, and sparks."""

    def __init__(self, rng: np.random.Generator, level: np.ndarray, size: float) -> None:
        self.level, self.size = level, size
        self.phase = rng.random(TONGUES)
        self.period = rng.uniform(0.25, 0.7, TONGUES)
        self.spot = rng.normal(0, 0.33, (TONGUES, 2)) * size
        self.sparks = rng.random((12, 4))

    def now(self, time: float) -> float:
        return float(self.level[min(int(time * FRAME_RATE), len(self.level) - 1)])

    def draw(self, scene: mujoco.MjvScene, time: float) -> None:
        level = self.now(time)
        for i in range(TONGUES):
            u = (time / self.period[i] + self.phase[i]) % 1.0
            wide = self.size * 0.3 * (1 - u) ** 0.7 * (0.4 + 0.6 * level)
            high = self.size * (0.25 + 1.9 * u * level)
            sway = 0.12 * self.size * math.sin(9 * time + 6 * self.phase[i]) * u
            narrow = 1 - 0.6 * u
            place = np.array([self.spot[i, 0] * narrow + sway, self.spot[i, 1] * narrow, high])
            shade = (1.0, 0.85 - 0.65 * u, 0.35 * (1 - u) ** 2, 0.75 * (1 - u) * min(level * 2, 1))
            put(scene, "ellipsoid", (wide, wide, 1.9 * wide), place, shade, glow=1.0)
        for a, b, c, d in self.sparks:
            u = (time * (0.4 + 0.5 * a) + b) % 1.0
            place = UP * self.size * 3.5 * u + self.size * np.array([c - 0.5, d - 0.5, 0]) * (1 + u)
            if u < 0.7 * level:
                put(scene, "sphere", (0.004,), place, (1, 0.6, 0.2, 1 - u), glow=1.0)

    def light(self, model: mujoco.MjModel, time: float) -> None:
        number = model.light("fire").id
        model.light_diffuse[number] = np.array([1.0, 0.55, 0.2]) * 0.9 * self.now(time)


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    floor(world, str(rng.choice(["mineral", "gravel", "grass"])))
    size = rng.uniform(0.1, 0.22)
    wood = world.finish("wood", metres=0.2)
    stone = world.finish("stone")
    parts = []
    for i in range(int(rng.integers(4, 8))):
        way = about(UP, i * 2.2) @ np.array([1.0, 0, 0.45])
        place = (float(way[0]) * 0.4 * size, float(way[1]) * 0.4 * size, 0.35 * size)
        parts.append(Part("capsule", (0.14 * size, 0.8 * size), place, along(way), wood))
    for i in range(9):
        spot = about(UP, i * 0.7) @ np.array([1.5 * size, 0, 0.15 * size])
        r = float(size * rng.uniform(0.25, 0.4))
        parts.append(Part("ellipsoid", (r, r * 0.8, r * 0.7), tuple(spot), None, stone))
    world.add("logs", parts, wood, (np.zeros(3), np.eye(3)))
    frames = round(seconds * FRAME_RATE)
    slow = np.interp(np.arange(frames), np.linspace(0, frames, 6), rng.uniform(0.35, 1.0, 6))
    flicker = np.convolve(rng.normal(0, 1, frames + 4), np.ones(5) / 5, "valid")
    level = np.clip(slow * (1 + 0.25 * flicker), 0.05, 1.0)
    fire = Fire(rng, level, size)
    light = world.spec.worldbody.add_light(
        name="fire", pos=[0, 0, 2.5 * size], type=mujoco.mjtLightType.mjLIGHT_POINT
    )
    light.castshadow, light.attenuation = False, [1, 0.3, 1.5]
    clutter(world, (0, 0, 0), 2.5 * size, 4 * size, int(rng.integers(0, 5)))
    place = (0.0, 0.0, size)
    source = Source(0.0, "fire", tuple(level.tolist()), (place,) * frames, float(size))
    focus = Focus(np.array([0, 0, 1.3 * size]), 2.3 * size * rng.uniform(1, 1.6), 0.0, 180.0, 5, 40)
    return Script(
        "fire", focus, sources=[source], decor=[fire.draw], changes=[fire.light], dark=True
    )
