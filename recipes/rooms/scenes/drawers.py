"""A chest whose drawer an arm pulls out and pushes in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..camera import Focus
from ..curves import rubbing
from ..cycles import Cycle, cycles
from ..limbs import Arm, add_arm, dress, fist
from ..log import Body, Impact
from ..room import floor, walls
from ..rotations import frame
from ..script import Script, triple
from ..world import Part, Pose, World

UP = np.array([0.0, 0.0, 1.0])


def chest(world: World, half: np.ndarray, rows: int, moved: int) -> tuple[str, str]:
    """The chest with all drawers but one; its finish and material. Its front is at y = 0."""
    rng = world.rng
    material = str(rng.choice(["wood", "wood", "metal", "plastic"]))
    finish, front = world.finish(material, metres=0.6), world.finish(material, metres=0.5)
    knob, dark = world.colour([0.7, 0.65, 0.6], 0.9), world.colour([0.06] * 3)
    x, y, z = half
    parts = [
        Part("box", (x, y, 0.012), (0, y, 2 * z - 0.012)),
        Part("box", (0.012, y, z), (-x, y, z)),
        Part("box", (0.012, y, z), (x, y, z)),
        Part("box", (x, 0.01, z), (0, y, z), None, dark),
    ]
    step = 2 * z / rows
    for row in range(rows):
        if row == moved:
            continue
        middle = (row + 0.5) * step
        parts.append(Part("box", (x * 0.97, 0.01, step * 0.46), (0, 0, middle), None, front))
        parts.append(Part("sphere", (0.014,), (0, -0.022, middle), None, knob))
    body = Body("chest", material, "box", 2 * z, 0.02, 30.0)
    world.add("chest", parts, finish, (np.zeros(3), np.eye(3)), body)
    return front, material


def events(
    script: Script,
    moves: Cycle,
    place: Callable[[float], np.ndarray],
    reach: float,
    seconds: float,
    rng: np.random.Generator,
) -> None:
    """The slides while the drawer moves, its latch, and stops short of it."""
    bodies = ("drawer", "chest")
    for start, end in moves.moving(seconds):
        force = rng.uniform(20, 60)
        script.contacts.append(rubbing(start, end, "drawer", bodies, place, force, False, rng))
    for time, rate, shut in moves.stops:
        if time < seconds and shut:
            speed = max(rate * reach, 0.05)
            point = triple(place(time))
            script.impacts.append(Impact(time, "latch", bodies, 3.0 * speed, speed, point))
        elif time < seconds:
            script.misses.append(time)


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    floor(world)
    walls(world)
    half = np.array([rng.uniform(0.2, 0.45), rng.uniform(0.2, 0.28), rng.uniform(0.35, 0.6)])
    rows = int(rng.integers(3, 6))
    moved = int(rng.integers(1, rows))
    front, material = chest(world, half, rows, moved)
    step, depth = 2 * half[2] / rows, half[1]
    middle = (moved + 0.5) * step
    knob = world.colour([0.7, 0.65, 0.6], 0.9)
    parts = [
        Part("box", (half[0] * 0.97, 0.01, step * 0.46), (0, 0, 0), None, front),
        Part("box", (half[0] * 0.92, depth * 0.9, 0.006), (0, depth * 0.9, -step * 0.36)),
        Part("box", (0.006, depth * 0.9, step * 0.33), (half[0] * 0.9, depth * 0.9, 0)),
        Part("box", (0.006, depth * 0.9, step * 0.33), (-half[0] * 0.9, depth * 0.9, 0)),
        Part("sphere", (0.016,), (0, -0.024, 0), None, knob),
    ]
    moves, reach = cycles(rng, seconds), 1.4 * depth

    def place(time: float) -> np.ndarray:
        return np.array([0, -reach * moves.at(time), middle])

    body = Body("drawer", material, "box", 2 * half[0], 0.01, 3.0)
    world.add("drawer", parts, front, lambda t: (place(t), np.eye(3)), body)
    script = Script("drawer", Focus(np.zeros(3), 1.0))
    events(script, moves, place, reach, seconds, rng)
    look = dress(world)

    def hand(time: float) -> Pose:
        return place(time) + [0.0, -0.04, 0.0], frame(np.array([0, 1.0, 0]), UP)

    shoulder = np.array([0.2, -0.55 - 0.5 * reach, middle + 0.35])
    add_arm(world, "arm", Arm(hand, shoulder, np.array([0.8, 0, -0.7])), look, fist(look.hand))
    centre = np.array([0.0, -0.2, middle])
    radius = rng.uniform(0.28, 0.6)
    script.focus = Focus(centre, radius, -90.0, 65.0, lowest=5, highest=60)
    return script
