"""The origin of a converted file, in a second file: the first one depends on the weights only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ...checkpoint import sha256
from ...io.write.partial import write_text


def keep_origin(target: Path, origin: Mapping[str, str]) -> None:
    """Write address, commit and sha256 of the target's source, for `kept_origin`."""
    described = {**origin, "converted": sha256(target)}
    write_text(_beside(target), json.dumps(described, indent=2) + "\n")


def kept_origin(path: Path) -> dict[str, str] | None:
    """Read what `keep_origin` wrote; None if there is nothing or the file has changed since."""
    beside = _beside(path)
    if not beside.is_file():
        return None
    described = json.loads(beside.read_text(encoding="utf-8"))
    return described if described.get("converted") == sha256(path) else None


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.origin.json")
