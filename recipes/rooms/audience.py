"""The person about a striking arm, things about it, and what the camera shows."""

from __future__ import annotations

import numpy as np

from .camera import Focus
from .limbs import Dress, add_person
from .room import clutter
from .rotations import turned
from .script import Script
from .striker import Striker, Target
from .world import Path, World

FACING = 180.0  # degrees: a person who strikes stands at x > 0 and looks along -x


def follow(striker: Striker, share: float = 0.12) -> Path:
    """A torso that moves with a `share` of the hand's movement."""
    begin, axes = striker.hand(0.0)[0], turned(FACING)
    return lambda time: (striker.shoulder + share * (striker.hand(time)[0] - begin), axes)


def show(
    world: World,
    script: Script,
    targets: list[Target],
    striker: Striker,
    look: Dress,
    surface: float,
    things: int = 5,
    spare: bool = True,
) -> None:
    """Sets the focus of `script`: seen by the one who strikes, or by others."""
    rng = world.rng
    script.surface = surface
    points = np.array([target.point for target in targets])
    centre = (points.min(0) + points.max(0)) / 2 + [0.03, 0, 0.06]
    reach = float(np.ptp(points, axis=0).max()) / 2
    radius = max(reach + 0.13, 0.17) * float(np.exp(rng.uniform(-0.2, 0.55)))
    first_person = rng.random() < 0.2
    if not first_person:
        add_person(world, "person", striker.shoulder, FACING, look, follow(striker), spare)
    clutter(
        world,
        (float(centre[0]) - 0.1, float(centre[1]), surface),
        reach + 0.2,
        reach + 0.5,
        int(rng.integers(0, things)),
    )
    if first_person:
        script.focus = Focus(centre, radius, 0.0, 25.0, lowest=35, highest=75)
    else:
        script.focus = Focus(centre, radius, FACING, 120.0, lowest=6, highest=80)
