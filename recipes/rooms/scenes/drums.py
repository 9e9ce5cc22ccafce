"""Two arms with sticks at drums, pads and a cymbal; each arm strikes in its own rhythm."""

from __future__ import annotations

import math

import numpy as np

from ..audience import show
from ..camera import Focus
from ..limbs import dress
from ..log import Body
from ..room import floor, walls
from ..rotations import about, turned, unit
from ..script import Script
from ..striker import Shaking, Target, strike
from ..strokes import manner, movement
from ..tools import stick
from ..world import Part, World

UP = np.array([0.0, 0.0, 1.0])


def drum(world: World, name: str, place: np.ndarray, axes: np.ndarray) -> list[Target]:
    """A drum on a stand whose head is at `place`; places on its head to strike."""
    rng = world.rng
    radius, deep = rng.uniform(0.11, 0.18), rng.uniform(0.06, 0.15)
    shell = world.finish(str(rng.choice(["wood", "plastic", "metal"])), metres=0.4)
    head, rim = world.colour(np.full(3, rng.uniform(0.6, 0.95))), world.colour([0.7] * 3, 0.9)
    parts = [
        Part("cylinder", (radius, deep), (0, 0, -deep - 0.004), None, shell),
        Part("cylinder", (radius * 1.03, 0.008), (0, 0, -0.012), None, rim),
        Part("cylinder", (radius * 0.97, 0.005), (0, 0, -0.005), None, head),
    ]
    for turn in range(0, 360, 60):
        spot = turned(turn) @ np.array([radius * 1.02, 0, -deep])
        parts.append(Part("cylinder", (0.007, deep * 0.8), tuple(spot), None, rim))
    leg = float(place[2]) - deep
    parts.append(Part("cylinder", (0.012, leg / 2), (0, 0, -deep - leg / 2), None, rim))
    body = Body(name, "plastic", "shell", 2 * radius, 0.0003, 1.5)
    shaking = Shaking(place, axes, 0.01, rng.uniform(4, 9), 0.1)
    world.add(name, parts, shell, shaking.path, body)
    return [_on(rng, name, place, axes, 0.75 * radius, 0.0) for _ in range(3)]


def pad(world: World, name: str, place: np.ndarray, axes: np.ndarray) -> list[Target]:
    """A practice pad: rubber on wood."""
    rng = world.rng
    radius = rng.uniform(0.1, 0.15)
    wood, rubber = world.finish("wood"), world.colour(np.full(3, rng.uniform(0.08, 0.35)))
    leg = float(place[2])
    parts = [
        Part("cylinder", (radius, 0.012), (0, 0, -0.017), None, wood),
        Part("cylinder", (radius * 0.9, 0.005), (0, 0, -0.005), None, rubber),
        Part("cylinder", (0.014, leg / 2), (0, 0, -0.03 - leg / 2), None, wood),
    ]
    body = Body(name, "plastic", "plate", 2 * radius, 0.02, 0.6)
    world.add(name, parts, wood, (place, axes), body)
    return [_on(rng, name, place, axes, 0.7 * radius, 0.0) for _ in range(3)]


def cymbal(
    world: World, name: str, place: np.ndarray, axes: np.ndarray
) -> tuple[list[Target], Shaking]:
    """A cymbal on a stand, which swings when it is struck."""
    rng = world.rng
    radius = rng.uniform(0.13, 0.21)
    metal, pole = world.finish("metal"), world.colour([0.6] * 3, 0.9)
    profile = [(0.001, 0.025), (0.02, 0.024), (0.035, 0.012), (0.06, 0.008), (radius, -0.008)]
    back = [(radius, -0.0095), (0.06, 0.0065), (0.001, 0.02)]
    parts = [Part("mesh", (), (0, 0, 0), None, metal, world.lathe([*profile, *back][::-1]))]
    stand = [Part("cylinder", (0.01, float(place[2]) / 2), (0, 0, -float(place[2]) / 2 + 0.03))]
    world.add(f"{name} stand", stand, pole, (place, np.eye(3)))
    shaking = Shaking(place, axes, 1.2, rng.uniform(1.2, 2.2), rng.uniform(0.4, 0.9))
    body = Body(name, "metal", "plate", 2 * radius, 0.001, 1.2)
    world.add(name, parts, metal, shaking.path, body)
    return [_on(rng, name, place, axes, 0.85 * radius, -0.005) for _ in range(2)], shaking


def _on(
    rng: np.random.Generator,
    name: str,
    place: np.ndarray,
    axes: np.ndarray,
    far: float,
    height: float,
) -> Target:
    angle, r = rng.uniform(0, 2 * math.pi), far * math.sqrt(rng.uniform(0.05, 1))
    point = place + axes @ np.array([r * math.cos(angle), r * math.sin(angle), height])
    return Target(point, axes[:, 2], name)


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    floor(world)
    walls(world)
    number = int(rng.choice([1, 2, 3, 4], p=[0.35, 0.3, 0.2, 0.15]))
    high = rng.uniform(0.6, 0.85)
    targets: list[Target] = []
    shaking: dict[str, Shaking] = {}
    for i in range(number):
        angle = math.radians(180 + (i - (number - 1) / 2) * rng.uniform(35, 45))
        far = 0.0 if number == 1 else 0.5
        place = np.array([far * math.cos(angle) + far, far * math.sin(angle), high])
        kind = str(rng.choice(["drum", "pad", "cymbal"], p=[0.65, 0.15, 0.2]))
        name = f"{kind} {i}"
        lean = unit(np.array([0.4, -0.3 * place[1], 0]) * rng.uniform(0.2, 1) + 1.6 * UP)
        axes = about(np.cross(UP, lean), math.acos(lean[2]))
        if kind == "cymbal":
            found, shaking[name] = cymbal(world, name, place + 0.12 * UP, axes)
        else:
            found = (drum if kind == "drum" else pad)(world, name, place, axes)
        targets += found
    script = Script("drum", Focus(np.zeros(3), 1.0))
    look = dress(world)
    how = manner(rng)
    base = np.array([rng.uniform(0.42, 0.55), 0.0, high + rng.uniform(0.35, 0.45)])
    arms = []
    for side in range(2 if rng.random() < 0.7 else 1):
        tool = stick(world, f"stick {side}", look.hand)
        shoulder = base + [0, 0.19 - 0.38 * side, 0]
        order = [int(i) for i in rng.permutation(len(targets))]
        moved = movement(rng, seconds, how, order, side * how.period / 2)
        name = f"arm {side}"
        arms.append(
            strike(world, script, tool, targets, moved, shoulder, look, name, shaking=shaking)
        )
    show(world, script, targets, arms[0], look, 0.0, things=1, spare=len(arms) == 1)
    return script
