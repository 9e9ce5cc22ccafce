"""Where a clip begins: a place on the map at which its theme is likely to happen."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .level import CELL, DOORS, SWITCHES, Level

SOLID = {"Monster", "Decoration", "Hazard", "Vegetation", "LightSource"}
ITEMS = {"Health", "Ammo", "Armor", "Weapon", "Powerup", "Key"}
TRIES = 300
ENOUGH = 8


class Spot(NamedTuple):
    x: float
    y: float
    angle: float


def alive(thing: Any) -> bool:
    """Whether a game object is a monster that still lives."""
    return thing.category == "Monster" and not thing.name.startswith("Dead")


def find_spot(level: Level, things: Sequence[Any], theme: str, rng: random.Random) -> Spot | None:
    """A place for the theme, or None where the map has no such place."""
    if theme == "door":
        return _door_spot(level, things, rng)
    if theme in ("range", "aside"):
        return _open_spot(level, things, rng)
    wanted: dict[str, tuple[Callable[[Any], bool], float, float]] = {
        "fight": (alive, 150, 600),
        "barrel": (lambda thing: thing.name == "ExplosiveBarrel", 240, 520),
        "roam": (lambda thing: thing.category in ITEMS, 100, 330),
    }
    fits, near, far = wanted[theme]
    goals = [thing for thing in things if fits(thing)]
    found = _spots_around(level, things, goals, (near, far), rng) if goals else []
    crowd = [thing for thing in goals if theme == "fight"]
    return max(found, key=lambda s: _visible(level, s, crowd) + 3 * rng.random(), default=None)


def _spots_around(
    level: Level,
    things: Sequence[Any],
    goals: Sequence[Any],
    distance: tuple[float, float],
    rng: random.Random,
) -> list[Spot]:
    """Free places that see one of the goals from within the distances and look its way."""
    found: list[Spot] = []
    for _ in range(TRIES):
        goal, bearing, d = rng.choice(goals), rng.uniform(-math.pi, math.pi), rng.uniform(*distance)
        u, v = goal.position_x, goal.position_y
        x, y = u + d * math.cos(bearing), v + d * math.sin(bearing)
        if _is_free(level, things, x, y) and level.sees(x, y, u, v):
            found.append(Spot(x, y, math.degrees(bearing) + 180 + rng.uniform(-25, 25)))
        if len(found) == ENOUGH:
            break
    return found


def _visible(level: Level, spot: Spot, goals: Sequence[Any]) -> int:
    close = [g for g in goals if math.hypot(g.position_x - spot.x, g.position_y - spot.y) < 900]
    return min(6, sum(level.sees(spot.x, spot.y, g.position_x, g.position_y) for g in close))


def _door_spot(level: Level, things: Sequence[Any], rng: random.Random) -> Spot | None:
    """In reach (64 map units) of a door, or now and then of a switch."""
    doors, switches = level.usable(DOORS), level.usable(SWITCHES)
    lines = switches if switches and rng.random() < 0.25 else doors or switches
    rng.shuffle(lines)
    for x, y, east, north in lines:
        distance = rng.uniform(34, 58)
        at = x + distance * east, y + distance * north
        if _is_free(level, things, *at):
            return Spot(*at, math.degrees(math.atan2(-north, -east)) + rng.uniform(-12, 12))
    return None


def _open_spot(level: Level, things: Sequence[Any], rng: random.Random) -> Spot | None:
    """Anywhere with room to walk, looking along the longest of a few directions."""
    rows, columns = level.free.nonzero()
    for _ in range(TRIES):
        pick = rng.randrange(len(rows))
        cell = int(rows[pick]), int(columns[pick])
        x, y = level.centre(cell)
        if _is_free(level, things, x, y) and len(level.reach(cell, 8)) > 60:
            angles = [rng.uniform(-180, 180) for _ in range(4)]
            return Spot(x, y, max(angles, key=lambda angle: level.open_ahead(x, y, angle)))
    return None


def _is_free(level: Level, things: Sequence[Any], x: float, y: float) -> bool:
    if not level.standable(x, y):
        return False
    solid = (thing for thing in things if thing.category in SOLID)
    return all(math.hypot(t.position_x - x, t.position_y - y) > 2 * CELL for t in solid)
