"""What the player sees in the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from .engine import RENDERED
from .sounds import Pose
from .spots import ITEMS

BARREL = "ExplosiveBarrel"
SMALLEST = 40  # pixels of a monster's box in the rendered picture; smaller ones are overlooked


class Seen(NamedTuple):
    """A thing in view: degrees to the right and half its width in degrees, map units away."""

    id: int
    name: str
    category: str
    bearing: float
    half_width: float
    distance: float


def look(labels: Sequence[Any], pose: Pose) -> list[Seen]:
    """Monsters that live, barrels and items of ViZDoom's list of what is in the picture."""
    seen = []
    for label in labels:
        monster = label.object_category == "Monster" and not label.object_name.startswith("Dead")
        wanted = monster or label.object_name == BARREL or label.object_category in ITEMS
        if not wanted or (monster and label.width * label.height < SMALLEST):
            continue
        # The view is 90 degrees wide: its half width is as long as the way to the screen.
        middle = 2 * (label.x + label.width / 2) / RENDERED[0] - 1
        seen.append(
            Seen(
                id=label.object_id,
                name=label.object_name,
                category=label.object_category,
                bearing=math.degrees(math.atan(middle)),
                half_width=math.degrees(math.atan(label.width / RENDERED[0])),
                distance=math.dist(
                    (label.object_position_x, label.object_position_y), (pose.x, pose.y)
                ),
            )
        )
    return seen
