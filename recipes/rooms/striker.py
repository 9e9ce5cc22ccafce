"""An arm with a tool that strikes targets, and how the struck objects shake."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from .limbs import Arm, Dress, add_arm
from .log import Impact
from .materials import MATERIALS
from .rotations import about, frame, unit
from .script import Script, triple
from .strokes import Movement, Stroke
from .tools import Tool
from .world import Pose, World

Y = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class Target:
    """A place to strike: the point on the surface, the surface's normal and its body."""

    point: np.ndarray
    normal: np.ndarray
    body: str


@dataclass
class Striker:
    """Poses of a hand whose tool moves as `movement` says."""

    tool: Tool
    targets: list[Target]
    movement: Movement
    shoulder: np.ndarray

    def _ahead(self, target: Target) -> np.ndarray:
        """From the shoulder to the target, along the surface."""
        way = target.point - self.shoulder
        if abs(target.normal[2]) < 0.5:
            way = np.array([0.0, 0.0, 1.0])  # at a wall the hand is below the tool's head
        return unit(way - (way @ target.normal) * target.normal)

    def _pose(self, s: float, point: np.ndarray, ahead: np.ndarray, normal: np.ndarray) -> Pose:
        base = frame(ahead, normal)
        tool = self.tool
        start = point - base @ about(Y, tool.tilt) @ tool.contact
        axes = base @ about(Y, tool.tilt - tool.swing * s)
        return start + tool.lift * s * (normal - 0.35 * ahead), axes

    def hand(self, time: float) -> Pose:
        s, source, target, share = self.movement.at(time)
        a, b = self.targets[source], self.targets[target]
        point = a.point + share * (b.point - a.point)
        ahead = unit((1 - share) * self._ahead(a) + share * self._ahead(b))
        normal = unit((1 - share) * a.normal + share * b.normal)
        return self._pose(s, point, ahead, normal)

    def speed(self, stroke: Stroke) -> float:
        """m/s along the normal, of the contact point when it meets the target."""
        target = self.targets[stroke.target]
        small, tips = 1e-3, []
        for s in (0.0, small):
            place, axes = self._pose(s, target.point, self._ahead(target), target.normal)
            tips.append(place + axes @ self.tool.contact)
        return float((tips[1] - tips[0]) @ target.normal) / small * stroke.rate


@dataclass
class Shaking:
    """A struck object tilts and dips a little and comes back, damped."""

    place: np.ndarray
    axes: np.ndarray
    size: float  # radians per N s
    hertz: float
    fall: float  # s
    times: list[float] = field(default_factory=list)
    pushes: list[tuple[float, np.ndarray]] = field(default_factory=list)  # N s, axis

    def push(self, time: float, impulse: float, axis: np.ndarray) -> None:
        self.times.append(time)
        self.pushes.append((min(impulse * self.size, 0.12), axis))

    def path(self, time: float) -> Pose:
        turn = np.zeros(3)
        for start, (size, axis) in zip(self.times, self.pushes, strict=True):
            since = time - start
            if 0 <= since < 6 * self.fall:
                decay = math.exp(-since / self.fall)
                turn = turn + size * decay * math.sin(2 * math.pi * self.hertz * since) * axis
        angle = float(np.linalg.norm(turn))
        axes = about(turn, angle) @ self.axes if angle > 1e-6 else self.axes
        return self.place, axes


def restitution(a: str, b: str) -> float:
    """Coarse coefficient of restitution of two materials: the softer one decides."""
    soft = max(MATERIALS[a].softness, MATERIALS[b].softness)
    return 0.6 / (1 + 0.8 * soft)


def strike(
    world: World,
    script: Script,
    tool: Tool,
    targets: list[Target],
    movement: Movement,
    shoulder: np.ndarray,
    look: Dress,
    name: str,
    kind: str = "strike",
    shaking: dict[str, Shaking] | None = None,
) -> Striker:
    """Adds an arm to the world and its impacts and misses to the script."""
    made = Striker(tool, targets, movement, shoulder)
    side = np.cross([0.0, 0.0, 1.0], made._ahead(targets[0]))
    hint = -0.75 * np.array([0.0, 0.0, 1.0]) + world.rng.choice([-1, 1]) * 0.6 * side
    add_arm(world, name, Arm(made.hand, shoulder, hint, tool.grip), look, tool.parts)
    world.bodies[tool.body.name] = tool.body
    for stroke in movement.strokes:
        if not stroke.hit:
            script.misses.append(stroke.time)
            continue
        target = targets[stroke.target]
        speed = made.speed(stroke)
        other = world.bodies[target.body]
        bounce = restitution(tool.body.material, other.material)
        mass = tool.mass if other.fixed else tool.mass * other.mass / (tool.mass + other.mass)
        impulse = mass * speed * (1 + bounce)
        script.impacts.append(
            Impact(stroke.time, kind, (tool.body.name, target.body), impulse, speed,
                   triple(target.point))
        )  # fmt: skip
        if shaking and target.body in shaking:
            shaking[target.body].push(stroke.time, impulse, unit(world.rng.normal(size=3)))
    return made
