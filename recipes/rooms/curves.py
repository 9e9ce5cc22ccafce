"""Sampled curves of scripted contacts: speeds and forces at CONTACT_RATE, places at FRAME_RATE."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .log import CONTACT_RATE, FRAME_RATE, Contact, Point
from .script import triple


def rubbing(
    start: float,
    end: float,
    kind: str,
    bodies: tuple[str, str],
    place: Callable[[float], np.ndarray],
    force: float,
    rolls: bool = False,
    rng: np.random.Generator | None = None,
) -> Contact:
    """A contact from `start` to `end` whose point moves as `place` says.

    Its speed is that of the point; it is a slip or, with `rolls`, a roll. With `rng` the force
    fluctuates slowly by a fifth.
    """
    number = max(round((end - start) * CONTACT_RATE), 2)
    times = start + np.arange(number + 1) / CONTACT_RATE
    points = np.stack([place(float(t)) for t in times])
    speed = np.linalg.norm(np.diff(points, axis=0), axis=1) * CONTACT_RATE
    normal = np.full(number, force)
    if rng is not None:
        nodes = np.linspace(start, end, max(int((end - start) * 8), 2))
        normal *= np.interp(times[:-1], nodes, 1 + 0.2 * rng.standard_normal(len(nodes)))
    still = (0.0,) * number
    moved = tuple(speed.tolist())
    path: tuple[Point, ...] = tuple(triple(p) for p in points[:: CONTACT_RATE // FRAME_RATE])
    return Contact(
        start,
        kind,
        bodies,
        still if rolls else moved,
        moved if rolls else still,
        tuple(np.maximum(normal, 0).tolist()),
        path,
    )
