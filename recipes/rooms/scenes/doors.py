"""Hinged doors that an arm opens and shuts: slammed, latched, or left ajar."""

from __future__ import annotations

import math

import numpy as np

from ..camera import Focus
from ..curves import rubbing
from ..cycles import Cycle, cycles
from ..limbs import Arm, add_arm, add_person, dress, fist
from ..log import Body, Impact
from ..room import floor, walls
from ..rotations import frame, turned
from ..script import Script, triple
from ..world import Part, Pose, World

UP = np.array([0.0, 0.0, 1.0])


def leaf(world: World, wide: float, high: float) -> tuple[list[Part], str, str]:
    """Parts of a door that hangs on z at x = 0 and reaches to x = wide."""
    rng = world.rng
    material = str(rng.choice(["wood", "wood", "wood", "metal", "plastic", "glass"]))
    finish = world.finish(material, metres=0.8)
    knob = world.colour([0.75, 0.7, 0.55], 0.9)
    parts = [Part("box", (wide / 2, 0.02, high / 2), (wide / 2, 0, high / 2))]
    for z in (0.27, 0.73):
        size = (0.3 * wide, 0.026, 0.17 * high)
        parts.append(Part("box", size, (wide / 2, 0, z * high), None, finish))
    grip = (wide * 0.9, -0.06, 0.5 * high)
    parts.append(Part("capsule", (0.011, 0.045), grip, None, knob))
    for z in (0.46, 0.54):
        lie = (wide * 0.9, -0.03, z * high)
        parts.append(Part("cylinder", (0.008, 0.03), lie, frame(UP, np.array([0, 1.0, 0])), knob))
    return parts, material, finish


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    floor(world)
    walls(world)
    small = rng.random() < 0.4  # of a cupboard
    wide, high = (0.42, 0.6) if small else (0.85, 2.0)
    base = np.array([-wide / 2, 0, rng.uniform(0.5, 1.0) if small else 0.0])
    parts, material, finish = leaf(world, wide, high)
    casing = world.finish("wood" if rng.random() < 0.6 else "plastic", metres=0.6)
    dark = world.colour([0.07] * 3)
    frame_parts = [
        Part("box", (0.04, 0.05, high / 2), (-0.045, 0.02, high / 2)),
        Part("box", (0.04, 0.05, high / 2), (wide + 0.045, 0.02, high / 2)),
        Part("box", (wide / 2 + 0.085, 0.05, 0.03), (wide / 2, 0.02, high + 0.03)),
        Part("box", (wide / 2, 0.005, high / 2), (wide / 2, 0.3 if small else 0.06, high / 2),
             None, dark),
    ]  # fmt: skip
    stop = Body("frame", "wood", "plate", high, 0.05, 30.0, True)
    world.add("frame", frame_parts, casing, (base, np.eye(3)), stop)
    turn = rng.uniform(0.5, 1.4)
    moves = cycles(rng, seconds)

    def angle(time: float) -> float:
        return -turn * moves.at(time)

    mass = 4.0 if small else 20.0
    body = Body("door", material, "plate", high, 0.04, mass)
    world.add("door", parts, finish, lambda t: (base, turned(math.degrees(angle(t)))), body)
    script = Script("door", Focus(np.zeros(3), 1.0))
    events(script, moves, base, wide, high, turn, mass, seconds, rng)
    operate(world, script, moves, base, wide, high, angle)
    return script


def events(
    script: Script,
    moves: Cycle,
    base: np.ndarray,
    wide: float,
    high: float,
    turn: float,
    mass: float,
    seconds: float,
    rng: np.random.Generator,
) -> None:
    """The hinge while the door turns, the latch, and stops short of the frame."""
    radius, bodies = 0.02, ("door", "frame")

    def pin(time: float) -> np.ndarray:
        a = turn * moves.at(time)
        return base + [radius * math.cos(a), -radius * math.sin(a), high * 0.5]

    for start, end in moves.moving(seconds):
        force = mass * 9.81 * rng.uniform(0.3, 1.0)
        script.contacts.append(rubbing(start, end, "hinge", bodies, pin, force, False, rng))
    latch = base + [wide, 0, high * 0.5]
    for time, rate, shut in moves.stops:
        if time >= seconds:
            continue
        if shut:
            speed = max(rate * turn * wide, 0.05)
            impulse = mass / 3 * speed
            script.impacts.append(Impact(time, "latch", bodies, impulse, speed, triple(latch)))
        else:
            script.misses.append(time)


def operate(world: World, script: Script, moves: Cycle, base, wide, high, angle) -> None:  # type: ignore[no-untyped-def]
    """The arm at the handle and the camera."""
    rng = world.rng

    def hand(time: float) -> Pose:
        axes = turned(math.degrees(angle(time)))
        grip = base + axes @ np.array([wide * 0.9, -0.06, high * 0.5])
        return grip, frame(UP, -axes[:, 1]) @ np.eye(3)

    look = dress(world)
    shoulder = base + [wide * 0.9 + 0.1, -0.5, high * 0.5 + 0.25]
    arm = Arm(hand, shoulder, np.array([0.6, 0.1, -0.8]), (-0.03, 0.0, 0.07))
    add_arm(world, "arm", arm, look, fist(look.hand))
    if rng.random() < 0.5:
        add_person(world, "person", shoulder, 90.0, look, None)
    centre = base + [wide * 0.6, -0.1, high * 0.52]
    near = rng.random() < 0.5
    radius = rng.uniform(0.3, 0.5) if near else rng.uniform(0.7, 1.0)
    script.focus = Focus(centre, radius, -90.0, 60.0, lowest=0, highest=35)
