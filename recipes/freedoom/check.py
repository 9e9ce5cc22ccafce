"""Is the sound where the picture is? A check of this machine, and one of finished clips."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from .engine import FRAME_SAMPLES, Engine

LATEST = 160  # samples into its frame, 3 ms: by then a shot must be heard


class Shot(NamedTuple):
    """In which frame a shot was fired, seen and heard, and from which sample of it on."""

    fired: int
    seen: int
    heard: int
    sample: int

    @property
    def exact(self) -> bool:
        return self.fired == self.seen == self.heard and self.sample <= LATEST


def test_shots(count: int = 5) -> list[Shot]:
    """Fire a pistol in a silent room and compare its ammunition, its flash and its sound."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine("s:basic", skill=1, seed=1, monsters=False, flashes=True, folder=folder)
        try:
            for _ in range(40):
                engine.tic()
            return [_one_shot(engine) for _ in range(count)]
        finally:
            engine.close()


def _one_shot(engine: Engine) -> Shot:
    ammunition, before = engine.values["SELECTED_WEAPON_AMMO"], engine.picture.astype(int)
    fired, seen, loud = [], [], []
    for frame in range(60):
        engine.tic({"ATTACK": frame == 3})
        picture, level = engine.picture.astype(int), np.abs(engine.sound.astype(int)).max(1)
        fired += [frame] * (engine.values["SELECTED_WEAPON_AMMO"] < ammunition)
        seen += [frame] * bool(np.abs(picture - before).mean() > 0.5)
        loud += [(frame, int(np.argmax(level > 60)))] * bool(level.max() > 60)
        before = picture
    heard, sample = loud[0] if loud else (-1, -1)
    return Shot(fired[0] if fired else -1, seen[0] if seen else -1, heard, sample)


def decode(film: Path) -> tuple[int, np.ndarray]:
    """Number of pictures and sound (s 2) float of a clip; raises ValueError if it starts late."""
    with av.open(str(film)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    with av.open(str(film)) as container:
        blocks = list(container.decode(audio=0))
    if times[0] != 0 or blocks[0].time != 0:
        raise ValueError(f"got {film} starting at {times[0]} and {blocks[0].time}; expected 0")
    packed = [block.to_ndarray().reshape(-1, 2) for block in blocks]
    return len(times), np.concatenate(packed) / 32768


def check_clip(film: Path) -> tuple[list[str], list[int]]:
    """What is wrong with a clip, and the sample of its frame at which lone shots begin."""
    info = json.loads(film.with_suffix(".json").read_text(encoding="ascii"))
    frames, sound = decode(film)
    wrong = []
    if frames != info["frames"]:
        wrong.append(f"{frames} pictures instead of {info['frames']}")
    if len(sound) != frames * FRAME_SAMPLES:
        wrong.append(f"{len(sound)} samples instead of {frames * FRAME_SAMPLES}")
        return wrong, []
    return wrong, shot_onsets(sound, info["events"])


def shot_onsets(sound: np.ndarray, events: list[dict[str, Any]]) -> list[int]:
    """Where in its frame each shot out of near silence begins; sound (s 2) float."""
    level = np.abs(sound).max(1).reshape(-1, FRAME_SAMPLES)  # (t s)
    quiet = level.max(1) < 0.003
    frames = [e["frame"] for e in events if e["kind"] == "shot" and e["frame"] > 0]
    return [
        int(np.argmax(level[f] > 0.02)) for f in frames if quiet[f - 1] and max(level[f]) > 0.05
    ]
