"""Arms whose hands follow a path: upper arm, forearm and hand, and a person about them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from . import looks
from .rotations import about, along, frame, turned, unit
from .world import Part, Path, Pose, World

UPPER, FORE = 0.29, 0.26  # m
GRIP = (-0.075, 0.0, 0.015)  # m, of the wrist in the axes of a closed hand


@dataclass(frozen=True)
class Dress:
    """Surfaces of a person."""

    skin: str
    sleeve: str
    hand: str  # skin, or that of a glove
    trousers: str
    hair: str
    covered: float  # share of the arm under the sleeve


def dress(world: World) -> Dress:
    rng = world.rng
    skin = world.finish("skin")
    sleeve = world.finish("cloth", metres=0.2)
    glove = world.finish("cloth", metres=0.1) if rng.random() < 0.15 else skin
    hair = world.colour(looks.hue(rng.uniform(0.02, 0.12), 0.5, rng.uniform(0.03, 0.6)))
    trousers = world.colour(looks.any_colour(rng) * 0.6)
    return Dress(skin, sleeve, glove, trousers, hair, float(rng.choice([0.3, 0.45, 1.0, 1.0])))


def segment(world: World, name: str, wide: Sequence[float], length: float, where: Dress) -> list:
    """Parts of a limb along z from 0 to `length`; `wide`: radii at equal distances."""
    last = len(wide) - 1
    profile = [(0.001, -0.6 * wide[0]), (0.7 * wide[0], -0.4 * wide[0])]
    profile += [(r, length * i / last) for i, r in enumerate(wide)]
    profile += [(0.7 * wide[-1], length + 0.4 * wide[-1]), (0.001, length + 0.6 * wide[-1])]
    parts = [Part("mesh", (), (0, 0, 0), None, where.skin, world.lathe(profile), False)]
    share = min(max(where.covered * 2 - (name == "fore"), 0.0), 1.0)
    if share > 0:
        end = 0.97 * length * share
        inner = [(1.13 * r + 0.004, min(length * i / last, end)) for i, r in enumerate(wide)]
        cuff = [(inner[-1][0] + 0.003, end), (inner[-1][0] - 0.01, end + 0.004)]
        mesh = world.lathe([(0.001, -1.2 * wide[0]), (wide[0], -0.8 * wide[0]), *inner, *cuff])
        parts.append(Part("mesh", (), (0, 0, 0), None, where.sleeve, mesh, False))
    return parts


def fist(finish: str) -> list[Part]:
    """A hand that is closed about the x axis, its wrist at GRIP."""
    lean = about(np.array([0.0, 1.0, 0.0]), 0.25)
    parts = [
        Part("ellipsoid", (0.047, 0.034, 0.022), (-0.025, 0.004, 0.014), lean, finish, "", False),
        Part("ellipsoid", (0.035, 0.027, 0.022), (-0.06, 0.0, 0.014), None, finish, "", False),
    ]
    for i in range(4):
        x = 0.026 - 0.019 * i
        across = along(np.array([0.15, 1.0, 0.12]))
        parts.append(Part("capsule", (0.0105, 0.017), (x, 0, -0.017), across, finish, "", False))
        down = along(np.array([0.1, -0.25, 1.0]))
        parts.append(Part("capsule", (0.011, 0.015), (x, 0.028, 0.0), down, finish, "", False))
    thumb = along(np.array([1.0, 0.25, -0.2]))
    parts.append(Part("capsule", (0.0115, 0.02), (0.012, -0.027, 0.0), thumb, finish, "", False))
    return parts


def flat_hand(finish: str) -> list[Part]:
    """An open hand, its palm in the plane of x and y and its wrist at GRIP."""
    parts = [Part("ellipsoid", (0.055, 0.042, 0.016), (-0.02, 0, 0.004), None, finish, "", False)]
    for i, length in enumerate((0.03, 0.036, 0.034, 0.026)):
        y = -0.03 + 0.02 * i
        way = along(np.array([1.0, (i - 1.5) * 0.07, -0.12]))
        place = (0.035 + length, y * 1.05, 0.0)
        parts.append(Part("capsule", (0.009, length), place, way, finish, "", False))
    thumb = along(np.array([1.0, -0.8, -0.1]))
    parts.append(Part("capsule", (0.011, 0.028), (0.0, -0.05, 0.0), thumb, finish, "", False))
    return parts


@dataclass
class Arm:
    """Poses of an arm whose hand follows `hand`; `shoulder` (3), elbow towards `hint`.

    A leg is an arm with other `lengths` whose shoulder, the hip, follows `moved`.
    """

    hand: Path
    shoulder: np.ndarray
    hint: np.ndarray
    grip: tuple[float, float, float] = GRIP
    lengths: tuple[float, float] = (UPPER, FORE)
    moved: Callable[[float], np.ndarray] | None = None
    at: float = math.nan

    def _solve(self, time: float) -> None:
        """Inverse kinematics of two links: the law of cosines."""
        if time == self.at:
            return
        self.at = time
        self.place, self.axes = self.hand(time)
        wrist = self.place + self.axes @ np.array(self.grip)
        first, second = self.lengths
        way = wrist - (self.moved(time) if self.moved else self.shoulder)
        far = float(np.linalg.norm(way))
        reach = min(max(far, 0.12), 0.985 * (first + second))
        ahead = way / far
        start = wrist - ahead * reach  # the shoulder gives way where the arm is too short
        share = (first**2 - second**2 + reach**2) / (2 * reach)
        aside = unit(self.hint - (self.hint @ ahead) * ahead)
        elbow = start + share * ahead + math.sqrt(max(first**2 - share**2, 0)) * aside
        self.upper = (start, frame_z(elbow - start))
        self.fore = (elbow, frame_z(wrist - elbow))

    def upper_path(self, time: float) -> Pose:
        self._solve(time)
        return self.upper

    def fore_path(self, time: float) -> Pose:
        self._solve(time)
        return self.fore

    def hand_path(self, time: float) -> Pose:
        self._solve(time)
        return self.place, self.axes


def frame_z(way: np.ndarray) -> np.ndarray:
    """Axes whose third is `way` and whose second does not flip as it turns."""
    axes = frame(way, np.array([0.02, 0.11, 1.0]))
    return np.stack([axes[:, 1], axes[:, 2], axes[:, 0]], 1)


def add_arm(world: World, name: str, arm: Arm, look: Dress, hand: Sequence[Part]) -> None:
    """The three bodies of an arm, with the parts of its hand and of what it holds."""
    upper = segment(world, "upper", (0.052, 0.05, 0.046, 0.043), UPPER, look)
    fore = segment(world, "fore", (0.042, 0.044, 0.036, 0.027), FORE, look)
    world.add(f"{name} upper", upper, look.skin, arm.upper_path)
    world.add(f"{name} fore", fore, look.skin, arm.fore_path)
    world.add(f"{name} hand", hand, look.hand, arm.hand_path)


def add_person(
    world: World,
    name: str,
    shoulder: np.ndarray,
    facing: float,
    look: Dress,
    move: Path | None,
    spare: bool = True,
) -> None:
    """A torso with head and legs whose right shoulder is at `shoulder`, facing `facing` degrees.

    `move` displaces it; without it the person stands still. `spare`: the other arm hangs down.
    """
    z = shoulder[2]
    legs = max(z - 0.58, 0.0)
    parts = [
        Part("ellipsoid", (0.12, 0.19, 0.3), (0, 0.19, -0.22), None, look.sleeve, "", False),
        Part("ellipsoid", (0.09, 0.21, 0.09), (0, 0.19, -0.01), None, look.sleeve, "", False),
        Part("capsule", (0.05, 0.05), (0.01, 0.19, 0.09), None, look.skin, "", False),
        Part("ellipsoid", (0.092, 0.075, 0.115), (0.03, 0.19, 0.24), None, look.skin, "", False),
        Part("ellipsoid", (0.1, 0.083, 0.11), (0.0, 0.19, 0.275), None, look.hair, "", False),
        Part("ellipsoid", (0.12, 0.17, 0.14), (0, 0.19, -0.5), None, look.trousers, "", False),
    ]
    if spare:
        hanging = along(np.array([-0.3, -0.05, 1.0]))
        place = (0.05, 0.41, -0.25)
        parts.append(Part("capsule", (0.045, 0.22), place, hanging, look.sleeve, "", False))
    if legs > 0.1:
        for y in (0.1, 0.28):
            place = (0, y, -0.55 - legs / 2)
            parts.append(Part("capsule", (0.075, legs / 2), place, None, look.trousers, "", False))
    axes = turned(facing)

    def still(_: float) -> Pose:
        return shoulder, axes

    world.add(name, parts, look.sleeve, move or still)
