"""Validation of the prefix of output file names."""

from __future__ import annotations

import re
from pathlib import Path

from ..sr_core.io.write.partial import windows_problem

HOST_PATTERN = re.compile("%(year|month|day|hour|minute|second|width|height)%")
LONGEST = 200  # bytes; a name has 255, minus number, suffix and the mark of an incomplete file


def check_prefix(prefix: str) -> None:
    """Raise ValueError unless file names with this prefix are valid on every operating system.

    `prefix` may contain folders and ComfyUI's patterns, such as %year%.
    """
    names = re.split(r"[/\\]", HOST_PATTERN.sub("0000", prefix))
    written = [*names[:-1], f"{names[-1]}_"]  # followed by the number
    if pattern := re.search(r"%date:[^%]*%|%[^%/.]+\.[^%/.]+%", prefix):
        fault = (
            f"with {pattern[0]}, which matches no node, or was queued over the API, where it is "
            "not replaced; expected a node's title and widget, or %year%-%month%-%day%"
        )
    elif ".." in names or Path(prefix).is_absolute() or prefix.startswith(("/", "\\")):
        fault = "which may be outside the output folder; expected folders inside it and a name"
    elif long := next((name for name in names if len(name.encode()) > LONGEST), None):
        fault = (
            f"where one name has {len(long.encode())} bytes; expected at most {LONGEST}, so that "
            "a number and a suffix fit"
        )
    elif bad := next(filter(windows_problem, written), None):
        fault = f"where {bad!r} would be a name {windows_problem(bad)}"
    else:
        return
    shown = prefix if len(prefix) <= 80 else f"{prefix[:77]}..."
    raise ValueError(f"got filename_prefix {shown!r}, {fault}; change filename_prefix")
