"""Everyday objects of the eight materials, standing on z = 0 of their own axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .log import Body
from .materials import MATERIALS
from .rotations import about, turned
from .world import Part, World

UPRIGHT = np.eye(3)


@dataclass(frozen=True)
class Thing:
    """An object to be added to a world; metres and kilograms."""

    material: str
    parts: tuple[Part, ...]
    finish: str
    shape: str
    size: float
    thickness: float
    mass: float
    height: float  # of what a tool meets from above
    reach: float  # radius about the axis in which the top is flat
    width: float  # radius on the floor

    def body(self, name: str, fixed: bool = False) -> Body:
        return Body(name, self.material, self.shape, self.size, self.thickness, self.mass, fixed)


def box(world: World, material: str, half: tuple[float, float, float], wall: float = 0.0) -> Thing:
    """A box with half extents `half`; hollow with walls of `wall` metres."""
    x, y, z = half
    finish = world.finish(material, metres=world.rng.uniform(0.1, 0.4))
    parts = [Part("box", half, (0, 0, z), finish=finish)]
    volume = 8 * x * y * z
    if wall:
        volume = 8 * (x * y + y * z + x * z) * wall
    if material == "cardboard":
        tape = world.colour(np.array([0.75, 0.6, 0.4]) * world.rng.uniform(0.6, 1.2))
        parts.append(
            Part("box", (x * 1.002, y * 0.12, z * 1.002), (0, 0, z), None, tape, "", False)
        )
    mass = MATERIALS[material].density * volume
    shape = "plate" if min(half) < 0.12 * max(half) else "box"
    thick = wall or 2 * min(half)
    return Thing(
        material, tuple(parts), finish, shape, 2 * max(half), thick, mass, 2 * z, 0.7 * min(x, y),
        math.hypot(x, y),
    )  # fmt: skip


def block(world: World, material: str) -> Thing:
    rng = world.rng
    half = (rng.uniform(0.05, 0.14), rng.uniform(0.05, 0.12), rng.uniform(0.015, 0.07))
    hollow = material in ("cardboard", "plastic", "metal")
    wall = {"cardboard": 0.004, "plastic": 0.003, "metal": 0.0015}.get(material, 0.0)
    half = (half[0], half[1], half[2] * 1.5) if hollow else half
    return box(world, material, half, wall)


def cylinder(world: World, material: str) -> Thing:
    rng = world.rng
    radius, half = rng.uniform(0.03, 0.08), rng.uniform(0.03, 0.09)
    finish = world.finish(material, metres=0.2)
    lid = world.finish(material, metres=0.2) if rng.random() < 0.5 else finish
    parts = (
        Part("cylinder", (radius, half), (0, 0, half), None, finish),
        Part("cylinder", (radius * 1.03, 0.004), (0, 0, 2 * half - 0.003), None, lid, "", False),
    )
    solid = material in ("wood", "stone", "cloth")
    wall = radius if solid else 0.002
    area = 2 * math.pi * radius * (2 * half + radius)
    volume = math.pi * radius**2 * 2 * half if solid else area * wall
    mass = MATERIALS[material].density * volume
    size = 2 * max(radius, half)
    return Thing(
        material, parts, finish, "cylinder", size, wall, mass, 2 * half, 0.7 * radius, radius
    )


def vessel(
    world: World,
    material: str,
    profile: list[tuple[float, float]],
    wall: float,
    reach: float,
    extra: tuple[Part, ...] = (),
) -> Thing:
    """A shell of revolution; `profile`: (radius, height) from the axis below to the axis above."""
    finish = world.finish(material, metres=0.15)
    area = sum(
        math.pi * (a[0] + b[0]) * math.hypot(a[0] - b[0], a[1] - b[1])
        for a, b in zip(profile, profile[1:], strict=False)
    )
    wide, high = max(r for r, _ in profile), max(z for _, z in profile)
    parts = (Part("mesh", (), (0, 0, 0), None, finish, world.lathe(profile)), *extra)
    mass = MATERIALS[material].density * area * wall
    size = max(2 * wide, high)
    return Thing(material, parts, finish, "shell", size, wall, mass, high, reach, wide)


def bowl(world: World, material: str) -> Thing:
    """A bowl or a pot, upside down."""
    r, z = world.rng.uniform(0.06, 0.12), world.rng.uniform(0.05, 0.12)
    foot = world.rng.uniform(0.45, 0.9) * r
    profile = [(0.98 * r, 0), (r, 0.004), (r * 0.99, z * 0.3), ((r + foot) / 2, z * 0.8)]
    return vessel(world, material, [*profile, (foot, z), (0.001, z)], 0.003, foot * 0.7)


def bottle(world: World, material: str) -> Thing:
    r, z = world.rng.uniform(0.025, 0.05), world.rng.uniform(0.16, 0.28)
    neck, shoulder = world.rng.uniform(0.35, 0.5) * r, world.rng.uniform(0.45, 0.75) * z
    profile = [
        (0.001, 0),
        (r, 0),
        (r, shoulder),
        (neck, shoulder + 0.15 * z),
        (neck, z),
        (0.001, z),
    ]
    return vessel(world, material, profile, 0.003, 0.5 * neck)


def mug(world: World, material: str) -> Thing:
    r, z = world.rng.uniform(0.035, 0.05), world.rng.uniform(0.07, 0.12)
    finish = world.finish(material)
    handle = tuple(
        Part(
            "capsule",
            (0.006, 0.012),
            (r + 0.018 * math.sin(a), 0, z * 0.5 + 0.028 * math.cos(a)),
            about(np.array([0.0, 1.0, 0.0]), a + math.pi / 2),
            finish,
            "",
            False,
        )
        for a in (0.25, 1.1, 2.0, 2.9)
    )
    profile = [(0.001, 0), (r * 0.9, 0), (r, 0.01), (r, z), (r * 0.93, z), (r * 0.9, z - 0.015),
               (0.001, z - 0.016)]  # fmt: skip
    return vessel(world, material, profile, 0.004, 0.0, handle)


def plate(world: World, material: str) -> Thing:
    r = world.rng.uniform(0.08, 0.14)
    profile = [(0.001, 0), (0.6 * r, 0), (r, 0.02), (r, 0.023), (0.62 * r, 0.006), (0.001, 0.006)]
    made = vessel(world, material, profile, 0.005, 0.4 * r)
    return Thing(**{**vars(made), "shape": "plate", "height": 0.007})


def cushion(world: World, material: str) -> Thing:
    rng = world.rng
    x, y, z = rng.uniform(0.1, 0.22), rng.uniform(0.1, 0.18), rng.uniform(0.03, 0.06)
    finish = world.finish(material, metres=0.25)
    parts = tuple(
        Part("ellipsoid", (x * k, y * k, z * h), (0, 0, z), turned(a), finish)
        for k, h, a in ((1.0, 1.0, 0.0), (0.97, 0.9, 18.0), (0.97, 0.9, -18.0))
    )
    mass = MATERIALS[material].density * 4 * x * y * z * 0.5
    return Thing(material, parts, finish, "box", 2 * x, 2 * z, mass, 2 * z, 0.25 * y, x)


def ball(world: World, material: str, radius: float | None = None) -> Thing:
    r = radius or world.rng.uniform(0.02, 0.11)
    finish = world.finish(material, metres=2.5 * r)
    hollow = material in ("plastic", "metal", "glass", "cloth") and r > 0.03
    wall = min(0.15 * r, 0.004) if hollow else r
    volume = 4 / 3 * math.pi * (r**3 - (r - wall) ** 3)
    mass = max(MATERIALS[material].density * volume, 0.003)
    part = Part("sphere", (r,), (0, 0, r), None, finish)
    return Thing(material, (part,), finish, "sphere", 2 * r, wall, mass, 2 * r, 0.15 * r, r)


def coin(world: World) -> Thing:
    r, half = world.rng.uniform(0.01, 0.02), 0.0015
    finish = world.finish("metal", metres=0.05)
    mass = MATERIALS["metal"].density * math.pi * r * r * 2 * half
    part = Part("cylinder", (r, half), (0, 0, half), None, finish)
    return Thing("metal", (part,), finish, "plate", 2 * r, 2 * half, mass, 2 * half, 0.5 * r, r)


def rock(world: World, material: str) -> Thing:
    rng = world.rng
    r, height = rng.uniform(0.04, 0.1), rng.uniform(0.5, 0.9)
    profile = [(0.001, 0), (0.8 * r, 0), (r, 0.4 * r), (0.8 * r, height * r), (0.001, height * r)]
    made = vessel(world, material, profile, 0.3 * r, 0.4 * r)
    points = world.spec.meshes[-1].uservert
    jitter = 1 + 0.12 * rng.standard_normal(len(points) // 3)
    jitter[:ROUND_ENDS] = jitter[-ROUND_ENDS:] = 1
    scaled = np.asarray(points).reshape(-1, 3) * np.stack([jitter, jitter, 0 * jitter + 1], 1)
    world.spec.meshes[-1].uservert = scaled.ravel().tolist()
    return Thing(**{**vars(made), "shape": "box", "thickness": height * r})


ROUND_ENDS = 20  # vertices of the first and of the last ring
Maker = Callable[[World, str], Thing]
MAKERS: dict[str, tuple[Maker, ...]] = {
    "wood": (block, block, cylinder, bowl),
    "metal": (block, cylinder, bowl, bowl, plate),
    "glass": (bottle, bowl, plate, mug),
    "stone": (block, rock, rock, cylinder),
    "ceramic": (mug, bowl, plate, bottle),
    "plastic": (block, cylinder, bowl, bottle),
    "cardboard": (block, block, cylinder),
    "cloth": (cushion, cushion, block),
}


def thing(world: World, material: str | None = None) -> Thing:
    """A random object, of a random material unless it is given."""
    material = material or str(world.rng.choice(list(MATERIALS)))
    makers = MAKERS[material]
    return makers[world.rng.integers(len(makers))](world, material)
