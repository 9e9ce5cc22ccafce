"""Kinds of scenes: each module has build(world, seconds) -> Script."""

from __future__ import annotations

from types import ModuleType

from . import drops, strikes

KINDS: dict[str, ModuleType] = {"strike": strikes, "drop": drops}
SHARES: dict[str, float] = {"strike": 0.4, "drop": 0.2}
