"""Kinds of scenes: each module has build(world, seconds) -> Script."""

from __future__ import annotations

from types import ModuleType

from . import (
    chops,
    doors,
    drawers,
    drips,
    drops,
    drums,
    fire,
    keys,
    knocks,
    rain,
    rolls,
    scrapes,
    stacks,
    steps,
    still,
    strikes,
    wheels,
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
    "drip": drips,
    "rain": rain,
    "fire": fire,
    "wheels": wheels,
    "still": still,
}
SHARES: dict[str, float] = {  # of the clips
    "strike": 0.2,
    "drum": 0.1,
    "chop": 0.06,
    "knock": 0.04,
    "drop": 0.2,
    "stack": 0.05,
    "roll": 0.04,
    "scrape": 0.05,
    "steps": 0.05,
    "door": 0.025,
    "drawer": 0.02,
    "keys": 0.03,
    "drip": 0.025,
    "rain": 0.02,
    "fire": 0.02,
    "wheels": 0.03,
    "still": 0.04,
}
