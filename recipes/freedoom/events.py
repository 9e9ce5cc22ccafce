"""What happened in which frame: the log that is written beside a clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .engine import FRAME_RATE
from .sounds import Playing, Pose, heard_from, started

COUNTERS = {
    "KILLCOUNT": "kill",
    "ITEMCOUNT": "item",
    "SECRETCOUNT": "secret",
    "HITCOUNT": "hit",
    "HITS_TAKEN": "hurt",
}


class EventLog:
    """Collects events as dicts of frame, t (seconds), kind and what belongs to the kind."""

    def __init__(self, values: Mapping[str, float], playing: Sequence[Playing]) -> None:
        """`values` and `playing` are those of the frame before the first."""
        self.values, self.playing = dict(values), list(playing)
        self.found: list[dict[str, Any]] = []

    def note(self, frame: int, kind: str, **more: Any) -> None:
        time = round(frame / FRAME_RATE, 4)
        self.found.append({"frame": frame, "t": time, "kind": kind, **more})

    def count(self, frame: int, values: Mapping[str, float]) -> None:
        """Compare the player's counters with those of the frame before."""
        last, self.values = self.values, dict(values)
        weapon = int(values["SELECTED_WEAPON"])
        if weapon != last["SELECTED_WEAPON"]:
            self.note(frame, "weapon", weapon=weapon)
        elif values["SELECTED_WEAPON_AMMO"] < last["SELECTED_WEAPON_AMMO"]:
            self.note(frame, "shot", weapon=weapon)
        for key, kind in COUNTERS.items():
            if values[key] > last[key]:
                self.note(frame, kind, n=int(values[key] - last[key]))

    def listen(self, frame: int, playing: Sequence[Playing], pose: Pose) -> None:
        """Note the sounds that began in this frame, as heard from the pose."""
        for sound in started(self.playing, playing):
            self.note(frame, "sound", name=sound.name, **heard_from(sound, pose))
        self.playing = list(playing)

    def events(self) -> list[dict[str, Any]]:
        return sorted(self.found, key=lambda event: event["frame"])
