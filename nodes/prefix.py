"""What a written file's name begins with, and which beginnings no file can have."""

from __future__ import annotations

import re
from pathlib import Path

from ..sr_core.io.write.partial import windows_problem

HOST_PATTERN = re.compile("%(year|month|day|hour|minute|second|width|height)%")
LONGEST = 200  # bytes; 255 a name, less the number, the suffix and the mark of a file being written


def check_prefix(prefix: str) -> None:
    """Raise ValueError unless a file on any system can have a name that begins so.

    `prefix` may have folders, and the host's own patterns, as %year%.
    """
    names = re.split(r"[/\\]", HOST_PATTERN.sub("0000", prefix))
    written = [*names[:-1], f"{names[-1]}_"]  # the number follows
    if pattern := re.search(r"%date:[^%]*%|%[^%/.]+\.[^%/.]+%", prefix):
        fault = (
            f"with {pattern[0]}, which is of no node here, or was not sent by the browser, which "
            "fills it in; expected a node's title and widget, or %year%-%month%-%day%"
        )
    elif ".." in names or Path(prefix).is_absolute() or prefix.startswith(("/", "\\")):
        fault = "which may lead out of the output folder; expected folders inside it and a name"
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
