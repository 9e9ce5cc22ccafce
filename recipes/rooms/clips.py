"""Making one clip: one or two scenes, their sound, their degradation, and the description."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sr_core.rates import FRAME_RATE, HOP, SAMPLE_RATE

from ..freedoom.writer import ClipWriter
from .acoustics import SOUND_SPEED
from .degrade import Degradation, degraded, draw
from .log import Log, Point, direction, from_json
from .modal import generator
from .sound import render, stereo

SPLITS = {"train": 0, "val": 10**9, "test": 2 * 10**9}  # first scene seed of each
PER_SEED = 10**6  # scene seeds of one --seed; two a clip
CUT_SHARE = 0.15
FADE = 96  # samples, 2 ms: at a cut
SILENT = 1e-3  # of full scale, -60 dBFS
DIGITS = 5  # of the numbers of a log

Info = dict[str, Any]
Renderer = Callable[..., tuple[np.ndarray, Log]]  # seed, seconds, size, kind -> frames, log


@dataclass(frozen=True)
class Options:
    split: str
    seed: int
    seconds: float
    size: tuple[int, int]  # width, height
    kind: str | None = None


@dataclass(frozen=True)
class Shot:
    """One scene of a clip, before it is encoded."""

    first: int  # frame
    frames: np.ndarray  # (t h w 3) uint8
    sound: np.ndarray  # (s 2) float
    log: Log
    made: Degradation


def scene_renderer() -> Renderer:
    """The scenes' own; imported late because it needs the graphics packages."""
    from .scene import render_scene

    return render_scene


def make_clip(
    folder: Path, options: Options, index: int, render_scene: Renderer | None = None
) -> Info:
    """Write clip `index` unless it exists; returns its line of the manifest.

    A clip is its JSON file and the MP4 beside it, each written under another name and renamed, the
    JSON last: whoever sees a clip sees it whole.
    """
    name = f"{options.split}-{options.seed}-{index:05d}"
    described, film = folder / f"{name}.json", folder / f"{name}.mp4"
    if described.exists():
        return _existing(described, options)
    shots = _shots(options, index, render_scene or scene_renderer())
    frames = np.concatenate([shot.frames for shot in shots])
    sound = shifted(_joined([shot.sound for shot in shots]), shots[0].made.offset)
    samples = np.clip(np.rint(sound * 32767), -32768, 32767).astype(np.int16)
    info = {"file": film.name, **describe(options, index, shots, samples)}
    with tempfile.TemporaryDirectory(prefix=".clip-", dir=folder) as work:
        _write(Path(work, "clip.mp4"), frames, samples, shots[0].made)
        text = json.dumps(info, separators=(",", ":"))
        Path(work, "clip.json").write_text(text, encoding="ascii")
        os.replace(Path(work, "clip.mp4"), film)
        os.replace(Path(work, "clip.json"), described)
    return entry(json.loads(text))


def entry(info: Info) -> Info:
    """A clip's line of the manifest: its description without events and logs."""
    return {key: value for key, value in info.items() if key not in ("events", "logs")}


def _existing(described: Path, options: Options) -> Info:
    info = entry(json.loads(described.read_text(encoding="ascii")))
    asked = (options.seconds, list(options.size), options.kind)
    got = (info["seconds"], [info["width"], info["height"]], info["kind"])
    if got != asked:
        raise ValueError(f"got {described} made with {got}; expected {asked}; use another folder")
    return info


def _shots(options: Options, index: int, render_scene: Renderer) -> list[Shot]:
    """The clip's scenes with their sounds; a cut divides a share of the clips."""
    base = SPLITS[options.split] + options.seed * PER_SEED + 2 * index
    rng = generator(base, "clip")
    total = round(options.seconds * FRAME_RATE)
    lengths = [total]
    if rng.random() < CUT_SHARE and total >= 4 * FRAME_RATE:
        first = int(rng.uniform(0.25, 0.75) * total)
        lengths = [first, total - first]
    whole, shots = draw(rng), []
    for part, length in enumerate(lengths):
        seed = base + part
        frames, log = render_scene(seed, length / FRAME_RATE, options.size, options.kind)
        log = from_json(json.dumps(_rounded(asdict(log))))
        made = whole if part == 0 else _other_shot(draw(rng), whole)
        sound = render(log, stereo(seed))
        shots.append(Shot(sum(lengths[:part]), degraded(frames, made, seed), sound, log, made))
    return shots


def _other_shot(own: Degradation, whole: Degradation) -> Degradation:
    """Another camera, but the same film: its bars, its frame rate, its file."""
    same = ("bars", "rate", "offset", "crf", "preset")
    return replace(own, **{name: getattr(whole, name) for name in same})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, (list, tuple)):
        return [_rounded(one) for one in value]
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return value


def _joined(sounds: list[np.ndarray]) -> np.ndarray:
    """Sounds (s 2) one after the other, each faded over FADE samples at a cut."""
    ramp, parts = np.linspace(0, 1, FADE)[:, None], [sound.copy() for sound in sounds]
    for before, after in zip(parts, parts[1:], strict=False):
        before[-FADE:] *= ramp[::-1]
        after[:FADE] *= ramp
    return np.concatenate(parts)


def shifted(sound: np.ndarray, offset: int) -> np.ndarray:
    """The sound (s 2) later by `offset` samples, of the same length; its edge is repeated."""
    if offset == 0:
        return sound
    padded = np.pad(sound, ((abs(offset), abs(offset)), (0, 0)), mode="reflect")
    return padded[abs(offset) - offset :][: len(sound)]


def _write(path: Path, frames: np.ndarray, samples: np.ndarray, made: Degradation) -> None:
    size = (frames.shape[2], frames.shape[1])
    picture = {"crf": str(made.crf), "preset": made.preset}
    with ClipWriter(path, size, picture) as writer:
        for frame, block in zip(frames, samples.reshape(-1, HOP, 2), strict=True):
            writer.add(frame, block)


def describe(options: Options, index: int, shots: list[Shot], samples: np.ndarray) -> Info:
    """The clip's description: numbers, events in the form of the freedoom clips, and logs."""
    wave = samples / 32768
    level = np.sqrt((wave.reshape(-1, 2 * HOP) ** 2).mean(1))  # a frame
    made = [event for shot in shots for event in events(shot)]
    return {
        "split": options.split,
        "seed": options.seed,
        "index": index,
        "kind": options.kind,
        "scenes": [shot.log.scene for shot in shots],
        "starts": [shot.first for shot in shots],
        "seconds": options.seconds,
        "frames": len(samples) // HOP,
        "fps": FRAME_RATE,
        "rate": SAMPLE_RATE,
        "width": options.size[0],
        "height": options.size[1],
        "rms_db": round(20 * math.log10(max(float(np.sqrt((wave**2).mean())), 1e-6)), 1),
        "peak": round(float(np.abs(wave).max()), 4),
        "silent": round(float((level < SILENT).mean()), 4),
        "sounds_per_s": round(len(made) / options.seconds, 2),
        "degradation": [asdict(shot.made) for shot in shots],
        "events": made,
        "logs": [asdict(shot.log) for shot in shots],
    }


def events(shot: Shot) -> list[Info]:
    """What is heard when: arrival in s, kind, angle in degrees to the right, distance in m."""
    log, found = shot.log, []

    def heard(time: float, kind: str, point: Point) -> None:
        azimuth, _, distance = direction(log.listener, time, point)
        at = time + distance / SOUND_SPEED + shot.made.offset / SAMPLE_RATE
        if 0 <= at < log.seconds:
            seconds = shot.first / FRAME_RATE + at
            found.append({"t": round(seconds, 4), "frame": int(seconds * FRAME_RATE),
                          "kind": "sound", "name": kind, "angle": round(-azimuth, 1),
                          "dist": round(distance, 2)})  # fmt: skip

    for impact in log.impacts:
        heard(impact.time, impact.kind, impact.point)
    for one in (*log.contacts, *log.sources):
        heard(one.start, one.kind, one.path[0])
    return sorted(found, key=lambda event: event["t"])
