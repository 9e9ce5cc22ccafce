"""Hands that bring things and let them go, and hands that push or hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .limbs import Arm, Dress, add_arm, flat_hand
from .rotations import frame, smooth, unit
from .world import Pose, World

UP = np.array([0.0, 0.0, 1.0])
COME, WAIT, LEAVE = 0.75, 0.35, 0.6  # s: of the way there, above the place, of the way back


@dataclass(frozen=True)
class Visit:
    """The hand is at `place` until `time`, COME + WAIT after it left its resting place."""

    time: float
    place: np.ndarray


@dataclass(frozen=True)
class Carrier:
    """A hand that comes from `away` for each visit and goes back."""

    visits: tuple[Visit, ...]
    away: np.ndarray
    axes: np.ndarray  # (3 3) of the hand

    def hand(self, time: float) -> Pose:
        for visit in self.visits:
            if visit.time - COME - WAIT <= time < visit.time:
                share = smooth((time - visit.time + COME + WAIT) / COME)
                return self.away + share * (visit.place - self.away), self.axes
            if visit.time <= time < visit.time + LEAVE:
                share = smooth((time - visit.time) / LEAVE)
                back = visit.place + share * (self.away - visit.place)
                return back + UP * 0.06 * min(share * 4, 1.0), self.axes
        return self.away, self.axes


def carrier(
    world: World, look: Dress, visits: Sequence[Visit], shoulder: np.ndarray, name: str = "carrier"
) -> Carrier:
    """An arm from `shoulder` (3) whose hand, palm down, makes the visits."""
    middle = np.mean([visit.place for visit in visits], axis=0)
    ahead = middle - shoulder
    ahead[2] = 0.0
    made = Carrier(tuple(visits), shoulder - 0.35 * unit(ahead), frame(ahead, UP))
    hint = -UP + 0.6 * np.cross(UP, unit(ahead)) * world.rng.choice([-1, 1])
    add_arm(world, name, Arm(made.hand, shoulder, hint), look, flat_hand(look.hand))
    return made
