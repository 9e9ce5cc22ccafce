"""Which sounds play: the engine's own list, read after every tic."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

# For example: `weapons/pistol at (1056.0, 41.0, -3616.0)`; the height is the second number.
_LINE = re.compile(r"^(\S.*) at \((-?[\d.]+), (-?[\d.]+), (-?[\d.]+)\)$", re.MULTILINE)
_OWN_VOICE = re.compile(r'^player"\d+"\*')  # the skin's number changes from run to run


class Playing(NamedTuple):
    """One playing sound: its name and place on the map."""

    name: str
    x: float
    y: float


class Pose(NamedTuple):
    """Where the player stands (map units) and looks (degrees, counterclockwise from east)."""

    x: float
    y: float
    z: float
    angle: float


def parse_listing(text: str) -> list[Playing]:
    """The answer to `listsoundchannels`, newest sound first."""
    found = _LINE.finditer(text)
    return [Playing(_OWN_VOICE.sub("player/", m[1]), float(m[2]), float(m[4])) for m in found]


def started(before: Sequence[Playing], now: Sequence[Playing]) -> list[Playing]:
    """The sounds of `now` that do not go on from `before`, oldest first; both are newest first.

    A list only loses members and grows at its front, so whatever went on keeps its order: each
    sound of `now`, from the oldest on, continues the oldest unclaimed one of its name. Places do
    not count because makers move.
    """
    fresh, left = [], list(before)
    for sound in reversed(now):
        names = [other.name for other in left]
        if sound.name not in names:
            fresh.append(sound)
        else:  # claim the oldest; what is older than it has ended
            oldest = len(names) - 1 - names[::-1].index(sound.name)
            del left[oldest:]
    return fresh


def heard_from(sound: Playing, pose: Pose) -> dict[str, bool | float]:
    """Who made it, how far (map units) and how far to the right (degrees) it is."""
    east, north = sound.x - pose.x, sound.y - pose.y
    distance = math.hypot(east, north)
    if distance < 1.5:
        return {"player": True, "dist": 0.0, "angle": 0.0}
    right = wrapped(pose.angle - math.degrees(math.atan2(north, east)))
    return {"player": False, "dist": round(distance, 1), "angle": round(right, 1)}


def wrapped(degrees: float) -> float:
    """The same direction within [-180, 180)."""
    return (degrees + 180.0) % 360.0 - 180.0
