"""What a hand strikes with: hammer, stick, spoon, knife, fist, palm.

Axes of a tool: the hand at the origin, x from the hand to the head, z away from what is struck.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .limbs import GRIP, fist, flat_hand
from .log import Body
from .rotations import about
from .world import Part, World

Y = np.array([0.0, 1.0, 0.0])
LENGTHWISE = about(Y, math.pi / 2)  # a cylinder along x


@dataclass(frozen=True)
class Tool:
    name: str
    parts: tuple[Part, ...]  # with the hand
    contact: np.ndarray  # (3) m, what touches
    tilt: float  # radians, of the x axis below the surface's plane at the contact
    swing: float  # radians, of a full swing
    lift: float  # m, of the hand in a full swing
    mass: float  # kg, that takes part in the impact
    body: Body
    grip: tuple[float, float, float] = GRIP


def rod(half: float, radius: float, x: float, finish: str) -> Part:
    return Part("capsule", (radius, half), (x, 0, 0), LENGTHWISE, finish, "", False)


def hammer(world: World, name: str, hand: str) -> Tool:
    rng = world.rng
    material = str(rng.choice(["metal", "metal", "metal", "wood", "plastic"]))
    head, shaft = world.finish(material, metres=0.1), world.finish("wood", metres=0.3)
    half, r = rng.uniform(0.1, 0.15), rng.uniform(0.01, 0.025) * (1.3 if material != "metal" else 1)
    deep = rng.uniform(0.035, 0.06)
    x = 2 * half - 0.04
    parts = [
        rod(half, 0.012, half - 0.06, shaft),
        Part("cylinder", (r, deep * 0.5), (x, 0, -deep * 0.5), None, head, "", False),
        Part("box", (r * 0.9, r * 0.9, deep * 0.45), (x, 0, deep * 0.4), None, head, "", False),
    ]
    body = Body(name, material, "box", 2 * deep, 2 * r, 0.5 if material == "metal" else 0.3)
    return Tool(name, tuple([*fist(hand), *parts]), np.array([x, 0, -deep]), 0.0,
                rng.uniform(0.8, 1.5), rng.uniform(0.05, 0.2), body.mass, body)  # fmt: skip


def stick(world: World, name: str, hand: str) -> Tool:
    rng = world.rng
    material = str(rng.choice(["wood", "wood", "wood", "metal", "plastic"]))
    finish = world.finish(material, metres=0.3)
    half, r = rng.uniform(0.13, 0.2), rng.uniform(0.006, 0.012)
    x = 2 * half - 0.06
    parts = [rod(half, r, half - 0.06, finish)]
    if rng.random() < 0.4:  # a mallet's head or the tip of a drumstick
        tip = world.finish(material if rng.random() < 0.5 else "cloth", metres=0.1)
        ball = (1.6 * r, 1.4 * r, 1.4 * r)
        parts.append(Part("ellipsoid", ball, (x, 0, 0), None, tip, "", False))
    body = Body(name, material, "rod", 2 * half, 2 * r, 0.07 if material != "metal" else 0.2)
    return Tool(name, tuple([*fist(hand), *parts]), np.array([x, 0, -1.4 * r]),
                rng.uniform(0.08, 0.35), rng.uniform(0.6, 1.3), rng.uniform(0.02, 0.12), body.mass,
                body)  # fmt: skip


def spoon(world: World, name: str, hand: str) -> Tool:
    rng = world.rng
    material = str(rng.choice(["wood", "metal", "plastic"]))
    finish = world.finish(material, metres=0.2)
    half = rng.uniform(0.08, 0.13)
    x = 2 * half - 0.03
    bowl = Part("ellipsoid", (0.034, 0.023, 0.009), (x, 0, 0), None, finish, "", False)
    parts = [rod(half, 0.0065, half - 0.05, finish), bowl]
    body = Body(name, material, "rod", 2 * half, 0.01, 0.06)
    return Tool(name, tuple([*fist(hand), *parts]), np.array([x + 0.01, 0, -0.009]),
                rng.uniform(0.1, 0.4), rng.uniform(0.5, 1.0), rng.uniform(0.02, 0.1), 0.06,
                body)  # fmt: skip


def knife(world: World, name: str, hand: str) -> Tool:
    rng = world.rng
    blade, handle = world.colour(np.full(3, rng.uniform(0.6, 0.85)), 0.9), world.colour([0.1] * 3)
    half, deep = rng.uniform(0.08, 0.12), rng.uniform(0.015, 0.03)
    x = 0.05 + half
    parts = [
        rod(0.055, 0.011, -0.01, handle),
        Part("box", (half, 0.0015, deep), (x, 0, 0.008 - deep), None, blade, "", False),
        Part("box", (0.02, 0.0014, deep * 0.6), (x + half + 0.014, 0, 0.008 - deep),
             about(Y, 0.4), blade, "", False),
    ]  # fmt: skip
    body = Body(name, "metal", "plate", 2 * half, 0.002, 0.2)
    contact = np.array([x, 0, 0.008 - 2 * deep])
    return Tool(name, tuple([*fist(hand), *parts]), contact, 0.0, rng.uniform(0.15, 0.5),
                rng.uniform(0.04, 0.12), 0.25, body)  # fmt: skip


def bare_fist(world: World, name: str, hand: str) -> Tool:
    body = Body(name, "cloth", "box", 0.1, 0.06, 0.4)
    return Tool(name, tuple(fist(hand)), np.array([0.0, 0, -0.028]), 0.15,
                world.rng.uniform(0.3, 0.8), world.rng.uniform(0.08, 0.25), 0.4, body)  # fmt: skip


def palm(world: World, name: str, hand: str) -> Tool:
    body = Body(name, "cloth", "plate", 0.18, 0.03, 0.35)
    return Tool(name, tuple(flat_hand(hand)), np.array([0.02, 0, -0.012]), 0.1,
                world.rng.uniform(0.4, 1.0), world.rng.uniform(0.05, 0.2), 0.3, body)  # fmt: skip


TOOLS = {
    "hammer": hammer,
    "stick": stick,
    "spoon": spoon,
    "knife": knife,
    "fist": bare_fist,
    "palm": palm,
}
