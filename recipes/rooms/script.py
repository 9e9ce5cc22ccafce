"""What a scene's script adds to its world: events, what to show, and lights that change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import mujoco
import numpy as np

from .camera import Focus
from .log import Contact, Impact, Source

Decor = Callable[[mujoco.MjvScene, float], None]  # adds geoms of a time to the drawn scene
Change = Callable[[mujoco.MjModel, float], None]  # changes lights or colours of the model


@dataclass
class Script:
    """Events that the script itself causes; those of free bodies come from the physics."""

    kind: str
    focus: Focus
    impacts: list[Impact] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    misses: list[float] = field(default_factory=list)
    labels: dict[str, tuple[str, str]] = field(default_factory=dict)
    decor: list[Decor] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    surface: float | None = None  # m, height on which an object may stand before the camera
    dark: bool = False  # lights other than the script's own are weak
    motion: str | None = None  # of the camera; None for a random one


def triple(point: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in point)
    return x, y, z
