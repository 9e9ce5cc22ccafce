"""An arm with a tool that strikes one or several objects on a table or on the floor."""

from __future__ import annotations

import math

import numpy as np

from ..audience import show
from ..camera import Focus
from ..limbs import dress
from ..materials import MATERIALS
from ..room import floor_or_table
from ..rotations import turned
from ..script import Script
from ..striker import Shaking, Target, strike
from ..strokes import manner, movement
from ..things import Thing, thing
from ..tools import TOOLS
from ..world import World

UP = np.array([0.0, 0.0, 1.0])
SHARES = {"hammer": 0.25, "stick": 0.3, "spoon": 0.12, "fist": 0.13, "palm": 0.2}


def targets_on(
    world: World, name: str, made: Thing, place: np.ndarray, axes: np.ndarray
) -> tuple[list[Target], Shaking]:
    """Adds a thing to be struck; three places on its top, and how it shakes."""
    rng = world.rng
    light = min(0.3 / max(made.mass, 0.05), 1.0)
    shaking = Shaking(place, axes, 0.12 * light, rng.uniform(5, 14), rng.uniform(0.05, 0.25))
    world.add(name, made.parts, made.finish, shaking.path, made.body(name))
    found = []
    for _ in range(3):
        far, angle = made.reach * math.sqrt(rng.random()), rng.uniform(0, 2 * math.pi)
        offset = np.array([far * math.cos(angle), far * math.sin(angle), made.height])
        found.append(Target(place + offset, UP, name))
    return found, shaking


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    low, surface = floor_or_table(world, 0.25)
    targets: list[Target] = []
    shaking: dict[str, Shaking] = {}
    number = int(rng.choice([1, 2, 3], p=[0.55, 0.25, 0.2]))
    at = -0.5 * (number - 1) * 0.24
    for i in range(number):
        made = thing(world)
        place = np.array([rng.uniform(-0.04, 0.04), at + 0.24 * i, surface])
        name = f"{made.material} {made.shape} {i}"
        found, shaking[name] = targets_on(world, name, made, place, turned(rng.uniform(0, 360)))
        targets += found
    if rng.random() < 0.25:  # now and then the support itself
        body = "floor" if low else "table"
        spot = np.array([rng.uniform(-0.05, 0.05), at - 0.2, surface])
        targets.append(Target(spot, UP, body))
    script = Script("strike", Focus(np.zeros(3), 1.0))
    top = max(target.point[2] for target in targets)
    shoulder = np.array([rng.uniform(0.3, 0.42), rng.uniform(-0.15, 0.15), top])
    shoulder[2] += rng.uniform(0.3, 0.45)
    look = dress(world)
    choice = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    tool = TOOLS[choice](world, choice, look.hand)
    soft = max(MATERIALS[world.bodies[t.body].material].softness for t in targets) / 8
    moved = movement(rng, seconds, manner(rng, soft), list(range(len(targets))), 0.0)
    arm = strike(world, script, tool, targets, moved, shoulder, look, "arm", shaking=shaking)
    show(world, script, targets, arm, look, surface)
    return script
