"""A fist, a hammer or a stick against a wall or a door."""

from __future__ import annotations

import numpy as np

from ..camera import Focus
from ..limbs import add_person, dress
from ..log import Body
from ..room import floor, walls
from ..rotations import turned
from ..script import Script
from ..striker import Target, strike
from ..strokes import manner, movement
from ..tools import TOOLS
from ..world import Part, World

SHARES = {"fist": 0.5, "hammer": 0.25, "palm": 0.15, "stick": 0.1}


def build(world: World, seconds: float) -> Script:
    """The wall is the one at x < 0; the person stands before it and looks along -x."""
    rng = world.rng
    floor(world)
    walls(world)
    surface = -world.room[0] / 2
    normal = np.array([1.0, 0.0, 0.0])
    body = "wall 2"
    if rng.random() < 0.65:
        material = str(rng.choice(["wood", "wood", "metal", "glass", "plastic"]))
        body, finish = "door", world.finish(material, metres=0.8)
        knob = world.colour([0.75, 0.65, 0.4], 0.9)
        parts = [
            Part("box", (0.025, 0.45, 1.02), (0, 0, 1.02)),
            Part("box", (0.032, 0.3, 0.36), (0, 0, 1.5)),
            Part("box", (0.032, 0.3, 0.36), (0, 0, 0.55)),
            Part("sphere", (0.032,), (0.07, 0.38, 1.0), None, knob),
        ]
        door = Body("door", material, "plate", 2.04, 0.04, 25.0, True)
        surface += 0.057
        world.add("door", parts, finish, (np.array([surface - 0.032, 0, 0]), np.eye(3)), door)
    high = rng.uniform(1.3, 1.5)
    spots = [np.array([surface, *rng.normal(0, 0.025, 2)]) + [0, 0, high] for _ in range(4)]
    targets = [Target(spot, normal, body) for spot in spots]
    choice = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    look = dress(world)
    tool = TOOLS[choice](world, choice, look.hand)
    shoulder = np.array([surface + rng.uniform(0.36, 0.46), rng.uniform(-0.35, -0.1), high - 0.05])
    script = Script("knock", Focus(np.zeros(3), 1.0))
    moved = movement(rng, seconds, manner(rng), [0, 1, 2, 3], 0.0)
    strike(world, script, tool, targets, moved, shoulder, look, "arm")
    if rng.random() < 0.7:
        place = shoulder + [0.05, 0.0, 0.0]
        add_person(world, "person", place, 180.0, look, lambda _: (place, turned(180.0)))
    centre = spots[0] + [0.12, 0, -0.03]
    radius = 0.2 * float(np.exp(rng.uniform(0, 0.9)))
    script.focus = Focus(centre, radius, 90.0 * rng.choice([-1, 1]) * 0.75, 25.0, 5, 45)
    return script
