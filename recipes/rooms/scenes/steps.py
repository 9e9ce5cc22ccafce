"""Two legs that walk, stand still and turn round, on eight grounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..camera import Focus
from ..limbs import Arm, Dress, dress, segment
from ..log import Body, Impact
from ..room import GROUNDS, floor
from ..rotations import smooth, turned
from ..script import Script, triple
from ..world import Part, Path, Pose, World

OUTDOOR = True
UP = np.array([0.0, 0.0, 1.0])
THIGH, SHANK = 0.45, 0.44
ANKLE = (-0.05, 0.0, 0.075)
HALF_WIDTH = 0.09


@dataclass(frozen=True)
class Step:
    """A foot (0 left, 1 right) goes from `source` to `target` (x, degrees each)."""

    start: float
    end: float
    foot: int
    source: tuple[float, float]
    target: tuple[float, float]
    height: float


def plan(world: World, seconds: float, reach: float) -> list[Step]:
    """Walks between x = -reach and x = reach with turns and pauses."""
    rng = world.rng
    feet = [(-reach * rng.uniform(0.3, 1), 0.0)] * 2
    tempo, length = rng.uniform(0.42, 0.75), rng.uniform(0.4, 0.7)
    time, foot, heading = rng.uniform(0.2, 1.2), 0, 0.0
    steps: list[Step] = []
    high = rng.uniform(0.05, 0.12)
    while time < seconds:
        now = feet[foot]
        ahead = math.cos(math.radians(heading))
        place = max(feet[0][0] * ahead, feet[1][0] * ahead)
        nearby = place + length * 0.55 > reach
        if nearby or rng.random() < 0.04:
            time += rng.uniform(0.1, 1.2)
            if nearby:
                heading = 180.0 - heading
        x = feet[1 - foot][0] + (0 if nearby else ahead * length * rng.uniform(0.9, 1.1))
        lasting = tempo * rng.uniform(0.9, 1.1) * 0.85
        steps.append(Step(time, time + lasting, foot, now, (x, heading), high))
        feet[foot] = (x, heading)
        time, foot = time + tempo * rng.uniform(0.95, 1.05), 1 - foot
    return steps


@dataclass
class Walker:
    steps: list[Step]
    lane: float  # m, y of the middle

    def foot(self, number: int, time: float) -> Pose:
        mine = [step for step in self.steps if step.foot == number]
        x, degrees = mine[0].source
        z = 0.0
        for step in mine:
            if time < step.start:
                break
            u = min((time - step.start) / (step.end - step.start), 1.0)
            x = step.source[0] + smooth(u) * (step.target[0] - step.source[0])
            degrees = step.source[1] + smooth(u) * (step.target[1] - step.source[1])
            z = 4 * step.height * u * (1 - u)
        axes = turned(degrees)
        side = HALF_WIDTH if number == 0 else -HALF_WIDTH
        return np.array([x, self.lane, z]) + axes[:, 1] * side, axes

    def hip(self, number: int, time: float) -> np.ndarray:
        left, right = self.foot(0, time), self.foot(1, time)
        middle = (left[0] + right[0]) / 2
        apart = float(np.linalg.norm((left[0] - right[0])[:2]))
        high = 0.93 - 0.18 * min(apart, 0.8) ** 2
        axes = left[1] if number == 0 else right[1]
        aside = axes[:, 1] * (0.085 if number == 0 else -0.085)
        return np.array([*middle[:2], high]) + aside


def shoe(world: World) -> tuple[list[Part], str]:
    rng = world.rng
    material = str(rng.choice(["plastic", "plastic", "wood", "cloth"]))
    upper = world.finish("cloth" if material == "cloth" else "plastic", metres=0.2)
    sole = world.colour(np.full(3, rng.uniform(0.05, 0.9)))
    parts = [
        Part("ellipsoid", (0.135, 0.046, 0.05), (0.03, 0, 0.035), None, upper, "", False),
        Part("ellipsoid", (0.06, 0.042, 0.06), (-0.05, 0, 0.05), None, upper, "", False),
        Part("box", (0.12, 0.04, 0.01), (0.02, 0, 0.01), None, sole, "", False),
    ]
    return parts, material


def add_leg(
    world: World, walker: Walker, number: int, look: Dress, parts: list[Part], material: str
) -> str:
    """Adds a leg with its shoe; the name of the foot."""
    name = ("left foot", "right foot")[number]

    def foot(time: float) -> Pose:
        return walker.foot(number, time)

    def hip(time: float) -> np.ndarray:
        return walker.hip(number, time)

    hint = np.array([1.0, 0.0, 0.05])
    limb = Arm(foot, hip(0.0), hint, ANKLE, (THIGH, SHANK), hip)

    def knee(path: Path) -> Path:
        def turned_knee(time: float) -> Pose:
            limb.hint = walker.foot(number, time)[1][:, 0]
            return path(time)

        return turned_knee

    dressed = Dress(look.skin, look.trousers, look.hand, look.trousers, look.hair, look.covered)
    thigh = segment(world, "upper", (0.085, 0.075, 0.058), THIGH, dressed)
    shank = segment(world, "fore", (0.055, 0.057, 0.04, 0.035), SHANK, dressed)
    world.add(f"{name} thigh", thigh, look.skin, knee(limb.upper_path))
    world.add(f"{name} shank", shank, look.skin, knee(limb.fore_path))
    world.add(name, parts, look.skin, foot, Body(name, material, "box", 0.27, 0.03, 1.0))
    return name


def torso(world: World, walker: Walker, look: Dress) -> None:
    def path(time: float) -> Pose:
        return (walker.hip(0, time) + walker.hip(1, time)) / 2, walker.foot(0, time)[1]

    parts = [
        Part("ellipsoid", (0.12, 0.17, 0.13), (0, 0, 0.03), None, look.trousers, "", False),
        Part("ellipsoid", (0.12, 0.19, 0.3), (0, 0, 0.32), None, look.sleeve, "", False),
        Part("capsule", (0.042, 0.26), (0, 0.23, 0.28), None, look.sleeve, "", False),
        Part("capsule", (0.042, 0.26), (0, -0.23, 0.28), None, look.sleeve, "", False),
        Part("ellipsoid", (0.08, 0.2, 0.09), (0, 0, 0.53), None, look.sleeve, "", False),
        Part("capsule", (0.05, 0.05), (0, 0, 0.62), None, look.skin, "", False),
        Part("ellipsoid", (0.09, 0.075, 0.115), (0.02, 0, 0.75), None, look.skin, "", False),
        Part("ellipsoid", (0.1, 0.083, 0.11), (-0.01, 0, 0.78), None, look.hair, "", False),
    ]
    world.add("torso", parts, look.sleeve, path)


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    ground = str(rng.choice(list(GROUNDS)))
    floor(world, ground)
    look = dress(world)
    reach = rng.uniform(0.5, 1.0)
    walker = Walker(plan(world, seconds, reach), 0.0)
    parts, material = shoe(world)
    names = [add_leg(world, walker, number, look, parts, material) for number in (0, 1)]
    torso(world, walker, look)
    script = Script("steps", Focus(np.zeros(3), 1.0))
    for step in walker.steps:
        if step.end < seconds:
            speed = 4 * step.height / (step.end - step.start)
            place = walker.foot(step.foot, step.end)[0]
            bodies = (names[step.foot], "floor")
            impulse = 3.0 * speed
            script.impacts.append(Impact(step.end, "step", bodies, impulse, speed, triple(place)))
    high, radius = (0.3, 0.35 + 0.3 * reach) if rng.random() < 0.65 else (0.75, 0.85)
    towards = float(rng.choice([90.0, -90.0, 0.0], p=[0.4, 0.4, 0.2]))
    script.focus = Focus(np.array([0, 0, high]), radius, towards, 40.0, lowest=4, highest=28)
    return script
