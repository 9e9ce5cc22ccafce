"""Rain outdoors that begins, swells and stops; drops are streaks with splashes."""

from __future__ import annotations

import mujoco
import numpy as np

from ..camera import Focus
from ..decor import put
from ..log import FRAME_RATE, Source
from ..room import clutter, floor
from ..rotations import along, turned
from ..script import Script
from ..things import box
from ..world import World

OUTDOOR = True
UP = np.array([0.0, 0.0, 1.0])
MOST = 330  # drops in the air at the highest level
SPEED = 7.0  # m/s
TALL = 4.0  # m, of the column of air that is drawn


def envelope(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Level (frames), 0..1: smooth between random levels, at times none."""
    nodes = rng.choice([0.0, 0.15, 0.4, 0.7, 1.0], int(rng.integers(2, 6)))
    if nodes.max() == 0:
        nodes[-1] = 0.8
    at = np.linspace(0, frames - 1, len(nodes))
    return np.interp(np.arange(frames), at, nodes)


class Rain:
    def __init__(self, rng: np.random.Generator, level: np.ndarray, wide: float) -> None:
        self.level = level
        self.places = rng.uniform(-wide, wide, (MOST, 2))
        self.phases = rng.uniform(0, TALL / SPEED, MOST)
        slant = np.array([rng.normal(0, 0.12), rng.normal(0, 0.12), -1.0])
        self.way, self.axes = slant, along(slant)
        self.shade = (0.8, 0.83, 0.9, rng.uniform(0.45, 0.8))

    def draw(self, scene: mujoco.MjvScene, time: float) -> None:
        now = min(int(time * FRAME_RATE), len(self.level) - 1)
        period = TALL / SPEED
        for i in range(int(MOST * self.level[now])):
            turn, since = divmod(time + self.phases[i], period)
            x, y = self.places[(i - int(turn) * 7) % MOST]
            place = np.array([x, y, TALL]) + self.way * SPEED * since
            put(scene, "capsule", (0.0035, 0.09), place, self.shade, self.axes, glow=0.4)
            if since < 0.12:  # of the drop before, that has just landed
                x, y = self.places[(i - (int(turn) - 1) * 7) % MOST]
                spot = np.array([x, y, 0.005]) + self.way * [TALL, TALL, 0]
                size = (0.01 + 0.3 * since, 0.01 + 0.3 * since, 0.004)
                put(scene, "ellipsoid", size, spot, (0.9, 0.92, 0.95, 0.5 - 4 * since))


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    ground = str(rng.choice(["mineral", "gravel", "grass", "tiles", "planks"]))
    floor(world, ground)
    for i in range(int(rng.integers(1, 5))):  # crates and blocks in the rain
        size = rng.uniform(0.1, 0.6, 3)
        half = (float(size[0]), float(size[1]), float(size[2]))
        made = box(world, str(rng.choice(["wood", "stone", "metal", "plastic"])), half)
        place = np.array([*rng.uniform(-2.5, 2.5, 2), 0])
        name = f"block {i}"
        world.add(name, made.parts, made.finish, (place, turned(rng.uniform(0, 90))))
    clutter(world, (0, 0, 0), 0.2, 1.5, int(rng.integers(0, 5)))
    frames = round(seconds * FRAME_RATE)
    level = envelope(rng, frames)
    rain = Rain(rng, level, 2.6)
    place = (0.0, 0.0, 0.0)
    source = Source(0.0, "rain", tuple(level.tolist()), (place,) * frames, 8.0)
    focus = Focus(np.array([0, 0, 0.5]), rng.uniform(0.8, 1.4), 0.0, 180.0, 3, 45)
    return Script("rain", focus, sources=[source], decor=[rain.draw])
