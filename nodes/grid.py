"""The value of the GRID socket."""

from __future__ import annotations

from typing import NamedTuple

from ..sr_core.soundtrack.features import Features
from .host import Part


class Grid(NamedTuple):
    """Visual features of a clip and their encoder, which must be on its device during reading."""

    part: Part
    features: Features
