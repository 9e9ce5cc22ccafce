"""The event log of a clip: the start time and direction of every sound."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

SILENT_FROM = 1200.0  # distance in map units from which the games of our clips mute sounds
OFF_AXIS = math.sin(math.radians(20))
IN_VIEW_DEGREES = 45.0  # half of the horizontal field of view of the games of our clips
BEFORE_SECONDS, AFTER_SECONDS = 0.3, 0.1  # no other sound starts this close to a lone sound


@dataclass(frozen=True)
class Sound:
    """A logged sound: start time and direction (degrees, right is positive)."""

    seconds: float
    angle: float

    @property
    def in_view(self) -> bool:
        return abs(self.angle) < IN_VIEW_DEGREES


@dataclass(frozen=True)
class EventLog:
    """Times (seconds) of the player's shots, and all audible sounds, ordered by time.

    `sparse`: whether the clip was generated with few sounds; None if not recorded in the log.
    """

    shots: tuple[float, ...]
    sounds: tuple[Sound, ...]
    sparse: bool | None = None

    @property
    def times(self) -> list[float]:
        """Start times of all audible sounds, without duplicates."""
        return sorted({sound.seconds for sound in self.sounds} | set(self.shots))

    def lone_off_axis(self) -> list[Sound]:
        """Sounds at least 20 degrees off the front-back axis without another start close to them.

        Close means 0.3 s before to 0.1 s after. A sound that started earlier may still be playing:
        `stereo.clearly_heard` excludes that case. The sound of a shot lies on the axis, so it is
        never included.
        """
        return [
            sound
            for sound in self.sounds
            if abs(math.sin(math.radians(sound.angle))) >= OFF_AXIS
            and self._starts(sound.seconds - BEFORE_SECONDS, sound.seconds + AFTER_SECONDS) == 1
        ]

    def _starts(self, start: float, end: float) -> int:
        times = [*(sound.seconds for sound in self.sounds), *self.shots]
        return sum(start <= seconds <= end for seconds in times)


def read_events(path: str | os.PathLike[str]) -> EventLog | None:
    """Reads NAME.json next to the clip NAME.mp4; None where there is no such file.

    The file holds {"events": [{"t": seconds, "kind": "shot" | "sound" | ..., "angle", "dist"}]}
    and optionally "sparse"; other keys are ignored. Raises ValueError for any other content.
    """
    path = Path(path).with_suffix(".json")
    if not path.is_file():
        return None
    try:
        log = json.loads(path.read_text(encoding="utf-8"))
        events = log["events"]
        shots = [float(event["t"]) for event in events if event["kind"] == "shot"]
        sounds = [
            Sound(float(event["t"]), float(event.get("angle", 0)))
            for event in events
            if event["kind"] == "sound" and event.get("dist", 0) < SILENT_FROM
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"got {path}, which is no event log ({error}); expected a JSON object whose 'events' "
            "have 't' and 'kind'; correct it, or move it out of the clip's folder"
        ) from error
    in_order = tuple(sorted(sounds, key=lambda sound: sound.seconds))
    return EventLog(tuple(sorted(set(shots))), in_order, log.get("sparse"))
