"""A knife that chops vegetables on a board; the other hand holds them."""

from __future__ import annotations

import numpy as np

from ..audience import show
from ..camera import Focus
from ..limbs import Arm, add_arm, dress, fist
from ..log import Body
from ..looks import hue
from ..room import floor, table, walls
from ..rotations import about, frame
from ..script import Script
from ..striker import Striker, Target, strike
from ..strokes import manner, movement
from ..tools import knife
from ..world import Part, Pose, World

UP = np.array([0.0, 0.0, 1.0])
COLOURS = {"carrot": 0.07, "cucumber": 0.31, "tomato": 0.0, "onion": 0.12, "beetroot": 0.92}
CUTS = 24  # places along the vegetable, one after another


def board(world: World, surface: float) -> float:
    """A chopping board; the height of its top."""
    rng = world.rng
    material = str(rng.choice(["wood", "wood", "plastic", "stone", "glass"]))
    half = (rng.uniform(0.13, 0.2), rng.uniform(0.18, 0.28), rng.uniform(0.006, 0.018))
    body = Body("board", material, "plate", 2 * half[1], 2 * half[2], 1.0)
    place = np.array([0, 0, surface + half[2]])
    world.add("board", [Part("box", half)], world.finish(material), (place, np.eye(3)), body)
    return surface + 2 * half[2]


def vegetable(world: World, top: float, length: float) -> float:
    """A row of slices along y; the radius."""
    rng = world.rng
    name = str(rng.choice(list(COLOURS)))
    radius = rng.uniform(0.012, 0.03)
    skin = world.colour(hue(COLOURS[name], rng.uniform(0.4, 0.85), rng.uniform(0.5, 0.9)), 0.3)
    flesh = world.colour(hue(COLOURS[name] + 0.02, 0.35, 0.9))
    lying = about(np.array([1.0, 0, 0]), np.pi / 2)
    slices = 8
    step = length / slices
    parts = []
    for i in range(slices):
        place = (rng.normal(0, 0.002), (i - slices / 2 + 0.5) * step, radius)
        size = (radius * (1 - 0.02 * i), step * 0.46)
        parts.append(Part("cylinder", size, place, lying, skin, "", False))
        inner = (radius * 0.9, step * 0.5)
        parts.append(Part("cylinder", inner, place, lying, flesh, "", False))
    for _ in range(int(rng.integers(3, 12))):  # slices that are cut already
        place = (rng.uniform(-0.08, 0.08), -length * rng.uniform(0.65, 1.1), 0.004)
        turn = about(rng.normal(size=3), rng.uniform(0, 0.4))
        parts.append(Part("cylinder", (radius * 0.9, 0.003), place, turn, flesh, "", False))
    world.add("vegetable", parts, skin, (np.array([-0.02, 0, top]), np.eye(3)))
    return radius


def hold(world: World, striker: Striker, radius: float, top: float, look) -> None:  # type: ignore[no-untyped-def]
    """The other hand, which holds the vegetable beside the cuts."""
    axes = frame(np.array([-1.0, -0.5, -0.35]), UP)

    def path(time: float) -> Pose:
        _, a, b, share = striker.movement.at(time)
        y = striker.targets[a].point[1] * (1 - share) + striker.targets[b].point[1] * share
        return np.array([-0.01, y + 0.065, top + 2 * radius + 0.02]), axes

    shoulder = striker.shoulder + [0, 0.36, 0]
    add_arm(world, "holder", Arm(path, shoulder, np.array([0.2, 0.6, -1.0])), look, fist(look.hand))


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    floor(world)
    walls(world)
    _, surface = table(world, rng.uniform(0.82, 0.95))
    top = board(world, surface)
    length = rng.uniform(0.1, 0.2)
    radius = vegetable(world, top, length)
    rows = np.linspace(-0.45, 0.35, CUTS) * length
    targets = [Target(np.array([-0.02, y, top]), UP, "board") for y in rows]
    script = Script("chop", Focus(np.zeros(3), 1.0))
    look = dress(world)
    tool = knife(world, "knife", look.hand)
    how = manner(rng)
    moved = movement(rng, seconds, how, list(range(CUTS)), 0.0, in_turn=True)
    shoulder = np.array([rng.uniform(0.4, 0.48), -0.16, top + rng.uniform(0.32, 0.42)])
    arm = strike(world, script, tool, targets, moved, shoulder, look, "arm")
    holds = rng.random() < 0.7
    if holds:
        hold(world, arm, radius, top, look)
    show(world, script, targets, arm, look, surface, spare=not holds)
    return script
