"""The event log beside a clip: what sounded when, and from which side."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

SILENT_FROM = 1200.0  # map units; the games of our clips fade sounds out by then
OFF_AXIS = math.sin(math.radians(20))
IN_VIEW_DEGREES = 45.0  # to either side, of the games of our clips
BEFORE_SECONDS, AFTER_SECONDS = 0.3, 0.1  # in which nothing else may begin around a lone sound


@dataclass(frozen=True)
class Sound:
    """A logged sound: when it began, and its direction (degrees, right is positive)."""

    seconds: float
    angle: float

    @property
    def in_view(self) -> bool:
        return abs(self.angle) < IN_VIEW_DEGREES


@dataclass(frozen=True)
class EventLog:
    """Times (seconds) of the player's shots, and all sounds that can be heard, in order.

    `sparse` says whether the clip was made with few sounds, where the log tells.
    """

    shots: tuple[float, ...]
    sounds: tuple[Sound, ...]
    sparse: bool | None = None

    @property
    def times(self) -> list[float]:
        """Start times of all audible sounds, without duplicates."""
        return sorted({sound.seconds for sound in self.sounds} | set(self.shots))

    def lone_off_axis(self) -> list[Sound]:
        """Sounds at least 20 degrees off the axis (ahead or behind) with nothing else near.

        Near is whatever begins 0.3 s before to 0.1 s after. What began earlier may sound on: see
        `stereo.clearly_heard`. A shot's own sound lies on the axis and never counts.
        """
        return [
            sound
            for sound in self.sounds
            if abs(math.sin(math.radians(sound.angle))) >= OFF_AXIS
            and self._others(sound.seconds - BEFORE_SECONDS, sound.seconds + AFTER_SECONDS) == 1
        ]

    def _others(self, start: float, end: float) -> int:
        heard = [*(sound.seconds for sound in self.sounds), *self.shots]
        return sum(start <= seconds <= end for seconds in heard)


def read_events(path: str | os.PathLike[str]) -> EventLog | None:
    """The log of NAME.json beside the clip NAME.mp4; None where there is no such file.

    The file holds {"events": [{"t": seconds, "kind": "shot" | "sound" | ..., "angle", "dist"}]}
    and perhaps "sparse"; the rest is passed over. Raises ValueError where it does not.
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
            "have 't' and 'kind'; mend it, or move it away from the clip"
        ) from error
    in_order = tuple(sorted(sounds, key=lambda sound: sound.seconds))
    return EventLog(tuple(sorted(set(shots))), in_order, log.get("sparse"))
