"""What the GRID socket carries."""

from __future__ import annotations

from typing import NamedTuple

from ..sr_core.soundtrack.features import Features
from .host import Part


class Grid(NamedTuple):
    """A clip's visual features, and the encoder that must be on its device while they are read."""

    part: Part
    features: Features
