"""The log of a scene: every sound source with time, place and the physics of its contact.

The log is all that the sound is made from, so the same scene can be rendered as stereo or as
Ambisonics. Units: seconds, metres, kilograms, newtons. World axes: x and y horizontal, z up.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

FRAME_RATE = 30  # poses and levels per second
CONTACT_RATE = 480  # samples of a contact's speed and force per second
SHAPES = ("box", "sphere", "cylinder", "plate", "rod", "shell")

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Body:
    """What vibrates; `world` bodies (floor, wall, table top) are bodies too."""

    name: str
    material: str  # a key of `materials.MATERIALS`
    shape: str  # one of SHAPES
    size: float  # m, largest extent
    thickness: float  # m, smallest extent
    mass: float  # kg
    fixed: bool = False  # part of the room: damped by what it is attached to


@dataclass(frozen=True)
class Impact:
    """Two bodies meet."""

    time: float  # s from the first frame; that of the first contact, exact to 1/480 s
    kind: str  # class of the event: "strike", "drop", "bounce", "step", "latch", "key", "drip" ...
    bodies: tuple[str, str]  # names of bodies; the first is the one that moved
    impulse: float  # N s
    speed: float  # m/s, of the approach along the normal
    point: Point


@dataclass(frozen=True)
class Contact:
    """Two bodies slide or roll on each other for some time."""

    start: float  # s
    kind: str  # "scrape", "roll", "hinge", "drawer", "wheel" ...
    bodies: tuple[str, str]
    slip: tuple[float, ...]  # m/s, relative speed of the surfaces, at CONTACT_RATE
    roll: tuple[float, ...]  # m/s, speed of the contact point along the surface
    force: tuple[float, ...]  # N, normal
    path: tuple[Point, ...]  # place, at FRAME_RATE


@dataclass(frozen=True)
class Source:
    """A source that is not a contact of two bodies: rain, fire, a running tap, wind, a motor."""

    start: float  # s
    kind: str
    level: tuple[float, ...]  # 0..1, amplitude relative to the kind's own, at FRAME_RATE
    path: tuple[Point, ...]  # place, at FRAME_RATE
    extent: float = 0.0  # m, radius of a source that is not a point


@dataclass(frozen=True)
class Listener:
    """The camera, at FRAME_RATE."""

    place: tuple[Point, ...]
    forward: tuple[Point, ...]  # unit vectors
    up: tuple[Point, ...]  # unit vectors, at right angles to `forward`
    view_degrees: float  # horizontal field of view


@dataclass(frozen=True)
class Log:
    scene: str  # kind of scene
    seed: int
    seconds: float
    room: tuple[float, float, float]  # m, extents
    listener: Listener
    bodies: tuple[Body, ...] = ()
    impacts: tuple[Impact, ...] = ()
    contacts: tuple[Contact, ...] = ()
    sources: tuple[Source, ...] = ()
    misses: tuple[float, ...] = field(default=())  # s: a movement stops here without contact

    def body(self, name: str) -> Body:
        for body in self.bodies:
            if body.name == name:
                return body
        raise KeyError(f"got body '{name}'; expected one of {[b.name for b in self.bodies]}")

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def from_json(text: str) -> Log:
    """The log that `Log.to_json` wrote."""
    given: dict[str, Any] = _tuples(json.loads(text))
    given["listener"] = Listener(**given["listener"])
    for name, kind in (
        ("bodies", Body),
        ("impacts", Impact),
        ("contacts", Contact),
        ("sources", Source),
    ):
        given[name] = tuple(kind(**one) for one in given[name])
    return Log(**given)


def direction(listener: Listener, time: float, point: Point) -> tuple[float, float, float]:
    """Azimuth (degrees, positive to the left), elevation (degrees) and distance (m) of a point.

    Convention of AmbiX and SOFA: azimuth 0 ahead, 90 left; elevation 90 above.
    """
    frame = min(max(int(time * FRAME_RATE), 0), len(listener.place) - 1)
    ahead, up = listener.forward[frame], listener.up[frame]
    left = _cross(up, ahead)
    offset = tuple(p - q for p, q in zip(point, listener.place[frame], strict=True))
    x, y, z = (_dot(offset, axis) for axis in (ahead, left, up))
    azimuth = math.degrees(math.atan2(y, x))
    return azimuth, math.degrees(math.atan2(z, math.hypot(x, y))), math.hypot(x, y, z)


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(p * q for p, q in zip(a, b, strict=True))


def _cross(a: Sequence[float], b: Sequence[float]) -> Point:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _tuples(value: Any) -> Any:
    """JSON arrays as tuples, which the log's classes use."""
    if isinstance(value, list):
        return tuple(_tuples(one) for one in value)
    if isinstance(value, dict):
        return {key: _tuples(one) for key, one in value.items()}
    return value
