"""Sampling settings that a checkpoint recommends: steps, guidance and method.

A checkpoint's metadata has them as JSON: {"steps": 4, "guidance": 2.0, "method": "consistency"}.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace

from ..config import from_dict
from .settings import Settings

ENTRY = "sampling"  # key of the metadata
FIELDS = ("steps", "guidance", "method")
HEUN_STEPS = 16
STEPS = {"consistency": Settings.steps, "heun": HEUN_STEPS}  # of a method that is not recommended
# The method with the most steps: what `chosen` refuses with it, it refuses for every checkpoint.
MOST_STEPS = Settings(HEUN_STEPS, method="heun")


def chosen(
    recommended: Settings,
    steps: int | None = None,
    guidance: float | None = None,
    method: str | None = None,
) -> Settings:
    """The recommended settings with those that the user gives; None: as recommended.

    The recommended number of steps applies to the recommended method only; another method without
    `steps` has those of `STEPS`. Raises ValueError for settings that do not go together.
    """
    if method is None:
        method = recommended.method
    if guidance is None:
        guidance = recommended.guidance
    if steps is None:
        same = method == recommended.method
        steps = recommended.steps if same else STEPS.get(method, recommended.steps)
    return replace(recommended, steps=steps, guidance=guidance, method=method)


def entry_of(settings: Settings) -> str:
    """The metadata entry of recommended settings."""
    values = asdict(settings)
    return json.dumps({name: values[name] for name in FIELDS})


def in_words(settings: Settings) -> str:
    """Recommended settings for a reader."""
    steps = f"{settings.steps} step{'' if settings.steps == 1 else 's'}"
    return f"{steps}, guidance {settings.guidance:g}, method {settings.method}"


def parse_entry(text: str, source: str | os.PathLike) -> Settings:
    """The settings of a metadata entry of the file `source`; ValueError if it is not valid."""
    try:
        values = json.loads(text)
        if not isinstance(values, dict) or set(values) != set(FIELDS):
            raise ValueError(f"expected an object of {', '.join(FIELDS)}")
        return from_dict(Settings, values)
    except (ValueError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"got {source} with {text[:80]!r} as its metadata {ENTRY!r} ({error}); expected "
            f"{entry_of(Settings())} or other valid settings; the file is damaged, was edited, or "
            "is of a newer version: update"
        ) from error
