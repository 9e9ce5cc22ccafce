"""Impacts and sustained contacts of the log, out of the recorded contacts of each step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .log import CONTACT_RATE, FRAME_RATE, Contact, Impact, Point
from .world import TIMESTEP

APPROACH = 0.06  # m/s: slower approaches are no impacts
REST = 0.012  # s: another impact of the same bodies is not counted before
MOVING = 0.02  # m/s: slower slip and roll is rest
SHORTEST = 0.08  # s, of a sustained contact
GAP = 0.04  # s: pauses that do not end a sustained contact
STEPS = round(1 / TIMESTEP / CONTACT_RATE)


@dataclass
class Record:
    """The n contacts of one step: bodies (n 2), points and normals (n 3), velocities of the two
    bodies (n 2 6), the points they are given at, and the centres of mass (n 2 3)."""

    step: int
    bodies: np.ndarray
    point: np.ndarray
    normal: np.ndarray
    velocity: np.ndarray
    about: np.ndarray
    centre: np.ndarray
    force: np.ndarray | None = None


@dataclass
class Rows:
    """Contacts of one pair of bodies, a row each, in order of time."""

    step: np.ndarray
    point: np.ndarray
    approach: np.ndarray
    slip: np.ndarray
    roll: np.ndarray
    speed: np.ndarray  # (n 2), of the two bodies' centres
    force: np.ndarray


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross product along the last axis; np.cross is several times slower for short arrays."""
    x = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    y = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    z = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return np.stack([x, y, z], -1)


def _length(a: np.ndarray) -> np.ndarray:
    return np.sqrt((a * a).sum(-1))


def pairs(records: list[Record]) -> dict[tuple[int, int], Rows]:
    """All contacts by the pair of bodies that meet."""
    if not records:
        return {}
    step = np.concatenate([np.full(len(r.bodies), r.step) for r in records])
    bodies, point, normal, velocity, about, centre, force = (
        np.concatenate([getattr(r, name) for r in records])
        for name in ("bodies", "point", "normal", "velocity", "about", "centre", "force")
    )
    turning, there = velocity[..., :3], velocity[..., 3:]
    surface = there + _cross(turning, point[:, None] - about)
    middle = there + _cross(turning, centre - about)
    relative = surface[:, 1] - surface[:, 0]
    approach = -(relative * normal).sum(-1)
    slip = _length(relative + approach[:, None] * normal)
    tilting = turning - (turning * normal[:, None]).sum(-1, keepdims=True) * normal[:, None]
    roll = _length(_cross(tilting, centre - point[:, None])).max(1)
    values = (step, point, approach, slip, roll, _length(middle), np.maximum(force, 0))
    found = {}
    for pair in np.unique(bodies, axis=0):
        of = (bodies == pair).all(1)
        found[int(pair[0]), int(pair[1])] = Rows(*(value[of] for value in values))
    return found


def impacts(rows: Rows) -> list[tuple[float, float, float, Point, int]]:
    """Time, impulse, approach speed, point and the one (0 or 1) that moved, of each impact."""
    found: list[tuple[float, float, float, Point, int]] = []
    last = -math.inf
    for row in np.flatnonzero(rows.approach > APPROACH):
        time = rows.step[row] * TIMESTEP
        if time - last < REST:
            continue
        last = time
        of = (rows.step >= rows.step[row]) & (rows.step < rows.step[row] + REST / TIMESTEP)
        impulse = float(rows.force[of].sum() * TIMESTEP)
        first = of & (rows.step == rows.step[row])
        speed = float(rows.approach[first].max())
        if impulse > 0:
            x, y, z = rows.point[first].mean(0)
            moved = int(rows.speed[row].argmax())
            found.append((float(time), impulse, speed, (float(x), float(y), float(z)), moved))
    return found


def sustained(rows: Rows, names: tuple[str, str], seconds: float) -> list[Contact]:
    """Sliding and rolling of a pair for SHORTEST or longer."""
    number = round(seconds * CONTACT_RATE)
    at = np.minimum(rows.step // STEPS, number - 1)
    weight = rows.force + 1e-9

    def mean(value: np.ndarray) -> np.ndarray:
        total = np.bincount(at, weight, number)
        return np.bincount(at, weight * value, number) / np.maximum(total, 1e-12)

    force = np.bincount(at, rows.force, number) / STEPS
    slip, roll = mean(rows.slip), mean(rows.roll)
    path = np.stack([mean(rows.point[:, axis]) for axis in range(3)], 1)
    active = np.flatnonzero((np.maximum(slip, roll) > MOVING) & (force > 0))
    found = []
    for run in np.split(active, np.flatnonzero(np.diff(active) > GAP * CONTACT_RATE) + 1):
        if len(run) < SHORTEST * CONTACT_RATE:
            continue
        of = slice(run[0], run[-1] + 1)
        kind = "roll" if roll[run].mean() > slip[run].mean() else "scrape"
        held = np.maximum.accumulate(np.where(force[of] > 0, np.arange(of.start, of.stop), 0))
        frames = held[:: CONTACT_RATE // FRAME_RATE]
        places: tuple[Point, ...] = tuple((x, y, z) for x, y, z in path[frames].tolist())
        curves = (tuple(curve[of].tolist()) for curve in (slip, roll, force))
        found.append(Contact(run[0] / CONTACT_RATE, kind, names, *curves, places))
    return found


def logged(
    records: list[Record], names: dict[int, str], labels: dict[str, tuple[str, str]], seconds: float
) -> tuple[list[Impact], list[Contact]]:
    """What the log holds of `records`; `labels`: kinds of a body's first and further impacts."""
    found: list[tuple[float, float, float, Point, str, str]] = []
    slides: list[Contact] = []
    for pair, rows in pairs(records).items():
        if pair[0] not in names or pair[1] not in names:
            continue
        two = (names[pair[0]], names[pair[1]])
        for time, impulse, speed, point, moved in impacts(rows):
            found.append((time, impulse, speed, point, two[moved], two[1 - moved]))
        moved = int(rows.speed.mean(0).argmax())
        slides += sustained(rows, (two[moved], two[1 - moved]), seconds)
    found.sort()
    events, met = [], set()
    for time, impulse, speed, point, mover, other in found:
        first, later = labels.get(mover, ("drop", "bounce"))
        events.append(
            Impact(time, later if mover in met else first, (mover, other), impulse, speed, point)
        )
        met.add(mover)
    return events, sorted(slides, key=lambda c: c.start)
