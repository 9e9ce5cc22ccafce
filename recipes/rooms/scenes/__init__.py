"""Kinds of scenes: each module has build(world, seconds) -> Script."""

from __future__ import annotations

from types import ModuleType

from . import (
    chops,
    doors,
    drawers,
    drops,
    drums,
    keys,
    knocks,
    rolls,
    scrapes,
    stacks,
    steps,
    strikes,
)

KINDS: dict[str, ModuleType] = {
    "strike": strikes,
    "drum": drums,
    "chop": chops,
    "knock": knocks,
    "drop": drops,
    "stack": stacks,
    "roll": rolls,
    "scrape": scrapes,
    "steps": steps,
    "door": doors,
    "drawer": drawers,
    "keys": keys,
}
SHARES: dict[str, float] = {
    "strike": 0.2,
    "drum": 0.1,
    "chop": 0.06,
    "knock": 0.04,
    "drop": 0.2,
    "stack": 0.05,
    "roll": 0.05,
    "scrape": 0.05,
    "steps": 0.05,
    "door": 0.03,
    "drawer": 0.02,
    "keys": 0.03,
}
