"""Cameras: where they stand, what they look at and how they move."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .log import FRAME_RATE, Listener
from .rotations import about, smooth, unit
from .world import World

UP = np.array([0.0, 0.0, 1.0])
VIEWS = {"side": 0.42, "front": 0.25, "above": 0.13, "high": 0.2}
MOTIONS = {"static": 0.4, "handheld": 0.3, "pan": 0.08, "dolly": 0.08, "orbit": 0.08, "zoom": 0.06}


@dataclass(frozen=True)
class Focus:
    """What the camera has to show: a ball about `centre`, best seen from `towards`."""

    centre: np.ndarray  # (3)
    radius: float  # m
    towards: float = 0.0  # degrees, azimuth at which a camera sees it from the front
    spread: float = 180.0  # degrees, how far from `towards` it may stand
    lowest: float = 5.0  # degrees, elevation of the camera
    highest: float = 85.0


@dataclass(frozen=True)
class Camera:
    """Place and axes at each time; `degrees` is the horizontal field of view in the middle."""

    place: np.ndarray  # (3)
    target: np.ndarray  # (3)
    degrees: float
    motion: str
    shake: np.ndarray  # (6 3): amplitude, Hz and phase of place x y z and of angles x y z
    travel: np.ndarray  # (3) m, of place and target
    turn: float  # radians, of the place about the target
    zoom: float  # change of the field of view, as a share
    seconds: float

    def at(self, time: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Place (3), axes (3 3) whose columns are right, up and back, and field of view."""
        share = smooth(time / self.seconds) - 0.5
        wave = self.shake[:, 0] * np.sin(2 * np.pi * self.shake[:, 1] * time + self.shake[:, 2])
        place = self.target + about(UP, self.turn * share) @ (self.place - self.target)
        place = place + self.travel * share + wave[:3]
        target = self.target + (self.travel * share if self.motion == "dolly" else 0.0)
        if self.motion == "pan":
            target = place + about(UP, self.turn * share) @ (self.target - self.place)
            place = self.place + wave[:3]
            target = place + about(UP, self.turn * share) @ (self.target - self.place)
        back = unit(place - target)
        right = unit(np.cross(UP, back)) if abs(back[2]) < 0.999 else np.array([1.0, 0, 0])
        axes = np.stack([right, np.cross(back, right), back], 1)
        for axis in range(3):
            axes = axes @ about(np.eye(3)[axis], wave[3 + axis])
        return place, axes, self.degrees * (1 + self.zoom * share)

    def listener(self) -> Listener:
        poses = [self.at(i / FRAME_RATE) for i in range(round(self.seconds * FRAME_RATE))]
        place, forward, up = [], [], []
        for spot, axes, _ in poses:
            place.append(tuple(map(float, spot)))
            forward.append(tuple(map(float, -axes[:, 2])))
            up.append(tuple(map(float, axes[:, 1])))
        return Listener(tuple(place), tuple(forward), tuple(up), float(self.degrees))


def _shake(rng: np.random.Generator, size: float, far: float) -> np.ndarray:
    """Hand tremor and sway: (6 3) rows of amplitude, Hz and phase."""
    amplitude = np.concatenate([np.full(3, 0.008 * far), np.full(3, 0.012)]) * size
    hertz = rng.uniform(0.15, 1.6, 6)
    return np.stack([amplitude / (0.4 + hertz), hertz, rng.uniform(0, 2 * np.pi, 6)], 1)


def _angles(rng: np.random.Generator, focus: Focus) -> tuple[float, float]:
    """Azimuth and elevation (radians) of the camera as seen from the focus."""
    view = str(rng.choice(list(VIEWS), p=list(VIEWS.values())))
    rise = {"side": (5, 30), "front": (5, 40), "above": (60, 86), "high": (30, 60)}[view]
    turn = rng.normal(0, 0.15) if view == "front" else rng.uniform(-1, 1)
    azimuth = focus.towards + turn * focus.spread
    elevation = min(max(rng.uniform(*rise), focus.lowest), focus.highest)
    return math.radians(azimuth), math.radians(elevation)


def make_camera(
    world: World, focus: Focus, seconds: float, aspect: float, motion: str | None = None
) -> Camera:
    """A random camera that shows `focus`; it becomes the model's camera "camera"."""
    rng = world.rng
    motion = motion or str(rng.choice(list(MOTIONS), p=list(MOTIONS.values())))
    degrees = rng.uniform(38, 75)
    half = math.atan(math.tan(math.radians(degrees / 2)) / aspect)
    azimuth, elevation = _angles(rng, focus)
    away = np.array([math.cos(azimuth) * math.cos(elevation),
                     math.sin(azimuth) * math.cos(elevation), math.sin(elevation)])  # fmt: skip
    far = max(focus.radius / math.sin(half) * rng.uniform(0.9, 1.45), 0.25)
    limit = np.array([world.room[0] / 2 - 0.15, world.room[1] / 2 - 0.15, world.room[2] - 0.1])
    place = np.clip(focus.centre + far * away, [-limit[0], -limit[1], 0.06], limit)
    reach = float(np.linalg.norm(place - focus.centre))
    aside = rng.normal(0, 0.12 * focus.radius, 3)
    zoom = rng.choice([-1, 1]) * rng.uniform(0.25, 0.5) if motion == "zoom" else 0.0
    turn = math.radians(rng.choice([-1, 1]) * rng.uniform(6, 16))
    camera = Camera(
        place,
        focus.centre + aside,
        degrees,
        motion,
        _shake(rng, rng.uniform(0.4, 1.4) if motion == "handheld" else 0.0, reach),
        rng.normal(0, 0.12 * reach, 3) * [1, 1, 0.4] if motion == "dolly" else np.zeros(3),
        turn if motion == "pan" else 2 * turn if motion == "orbit" else 0.0,
        zoom,
        seconds,
    )
    world.posed["camera"] = lambda t: camera.at(t)[:2]
    world.spec.worldbody.add_body(name="camera", mocap=True).add_camera(name="camera")
    return camera


def vertical_degrees(horizontal: float, aspect: float) -> float:
    return 2 * math.degrees(math.atan(math.tan(math.radians(horizontal / 2)) / aspect))


def project(camera: Camera, time: float, point: np.ndarray, aspect: float) -> tuple[float, float]:
    """Place of a point in the image: -1..1 from left to right and from bottom to top.

    Points behind the camera give infinities.
    """
    place, axes, degrees = camera.at(time)
    x, y, z = axes.T @ (np.asarray(point) - place)
    if z > -1e-6:
        return math.inf, math.inf
    wide = math.tan(math.radians(degrees / 2))
    return float(x / -z / wide), float(y / -z / wide * aspect)
