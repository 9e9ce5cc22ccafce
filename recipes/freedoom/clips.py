"""Playing a plan and writing the clip, its description and its event log."""

from __future__ import annotations

import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from .engine import FRAME_RATE, FRAME_SAMPLES, SAMPLE_RATE, Engine, EpisodeEnded
from .events import EventLog
from .level import Level
from .plan import MAX_SILENT, Options, Plan, plan_clip
from .player import Player
from .spots import find_spot
from .weapons import NAMES
from .writer import STORED, ClipWriter, shrink

ATTEMPTS = 12
AUDIBLE = 1100  # map units; a sound is silent from 1200 on
SILENT = 1e-3  # of full scale, -60 dBFS

Info = dict[str, Any]


def make_clip(folder: Path, options: Options, index: int) -> Info:
    """Write clip `index` unless it exists; returns its line of the manifest.

    A clip is its JSON file and the MP4 beside it, each written under another name and renamed, the
    JSON last: whoever sees a clip sees it whole. Raises RuntimeError if no attempt succeeds.
    """
    name = f"{options.split}-{options.seed}-{index:05d}"
    described, film = folder / f"{name}.json", folder / f"{name}.mp4"
    if described.exists():
        return _existing(described, options)
    reasons = []
    for attempt in range(ATTEMPTS):
        plan = plan_clip(options, index, attempt)
        with tempfile.TemporaryDirectory(prefix=".clip-", dir=folder) as work:
            partial = Path(work, "clip.mp4")
            try:
                info = {"file": film.name, **record(plan, options, partial, work)}
            except EpisodeEnded as error:
                reasons.append(str(error))
                continue
            if info["silent"] > MAX_SILENT[plan.sparse]:
                reasons.append(f"{info['silent']:.0%} of the frames silent")
                continue
            text = json.dumps(info, separators=(",", ":"))
            Path(work, "clip.json").write_text(text, encoding="ascii")
            os.replace(partial, film)
            os.replace(Path(work, "clip.json"), described)
            return entry(info)
    raise RuntimeError(f"no clip {index} after {ATTEMPTS} attempts: {'; '.join(reasons)}")


def entry(info: Info) -> Info:
    """A clip's line of the manifest: its description without events and poses."""
    return {key: value for key, value in info.items() if key not in ("events", "poses")}


def _existing(described: Path, options: Options) -> Info:
    info = entry(json.loads(described.read_text(encoding="ascii")))
    asked = {
        "seconds": options.seconds,
        "sparse_share": options.sparse,
        "aside": options.aside,
    }
    got = {
        "seconds": info["seconds"],
        "sparse_share": info["sparse_share"],
        "aside": info["theme"] == "aside",
    }
    if got != asked:
        raise ValueError(f"got {described} made with {got}; expected {asked}; use another folder")
    return info


def record(plan: Plan, options: Options, film: Path, folder: str) -> Info:
    """Play a plan into `film`; returns its description with events and poses."""
    engine = Engine(
        plan.map,
        skill=plan.skill,
        seed=plan.engine_seed,
        monsters=not plan.sparse,
        flashes=plan.flashes,
        folder=folder,
    )
    try:
        player = prepare(engine, plan)
        frames = round(options.seconds * FRAME_RATE)
        with ClipWriter(film) as writer:
            sound, poses, log = _play(engine, player, writer, frames)
    finally:
        engine.close()
    events = log.events()
    return {
        "split": options.split,
        "seed": options.seed,
        "index": plan.index,
        "attempt": plan.attempt,
        "map": plan.map,
        "theme": plan.theme,
        "sparse": plan.sparse,
        "guests": list(plan.guests),
        "seconds": options.seconds,
        "sparse_share": options.sparse,
        "frames": frames,
        "fps": FRAME_RATE,
        "rate": SAMPLE_RATE,
        "width": STORED[0],
        "height": STORED[1],
        **measure(sound, events),
        "events": events,
        "poses": poses,
    }


def prepare(engine: Engine, plan: Plan) -> Player:
    """Arm the player and bring it to a place that suits the theme; raises EpisodeEnded if none."""
    engine.say("buddha", "notarget")  # cannot die; not noticed until the clip begins
    double = not plan.map.startswith("1:")  # the double shotgun came with the second game
    engine.say(*(f"give {name}" for name in NAMES if double or name != "SuperShotgun"))
    if plan.theme != "roam":  # with a full bag, ammunition is left lying
        engine.say("give backpack", "give ammo")
    engine.say(*(f"give {c}{key}" for c in ("Red", "Blue", "Yellow") for key in ("Card", "Skull")))
    engine.tic()
    level = None
    if plan.theme != "arena":
        level = Level(engine.wad(plan.map), plan.map.split(":")[1])
    player = Player(plan, level)
    if level is not None:
        spot = find_spot(level, engine.objects, plan.theme, player.rng)
        if spot is None:
            raise EpisodeEnded(f"no place for {plan.theme} on {plan.map}")
        engine.say(f"warp {spot.x:.1f} {spot.y:.1f}")
        engine.tic()
        engine.face(spot.angle)
    _warm_up(engine, player, plan)
    return player


def _warm_up(engine: Engine, player: Player, plan: Plan) -> None:
    """Weapon raised and old sounds ended; half of the clips begin in the midst of something."""
    engine.tic(player.gun.choose())
    for guest in plan.guests:  # they appear in front of the player
        engine.say(f"summon {guest}")
        engine.tic({"TURN_LEFT_RIGHT_DELTA": player.rng.choice((-40, 40))})
    for _ in range(player.rng.randint(40, 50)):
        engine.tic()
    engine.say("notarget", "give BlueArmor")
    if plan.theme != "door" and player.rng.random() < 0.5:
        for _ in range(player.rng.randint(10, 60)):
            engine.tic(player.act(engine))


def _play(
    engine: Engine, player: Player, writer: ClipWriter, frames: int
) -> tuple[np.ndarray, list[list[float]], EventLog]:
    """All frames into the writer; returns sound (s 2) int16, a pose a frame, and the log."""
    engine.tic()
    log, sound, poses = EventLog(engine.values, engine.playing), [], []
    for frame in range(frames):
        engine.tic(player.act(engine))
        if frame:
            log.listen(frame - 1, engine.playing, poses[-1])
        writer.add(shrink(engine.picture), engine.sound)
        sound.append(engine.sound.copy())
        log.count(frame, engine.values)
        poses.append(engine.pose)
    engine.tic()  # for its list, which is that of the last frame
    log.listen(frames - 1, engine.playing, poses[-1])
    return np.concatenate(sound), [[round(v, 1) for v in pose] for pose in poses], log


def measure(sound: np.ndarray, events: list[Info]) -> Info:
    """Loudness and density of a clip; sound (s 2) int16."""
    wave = sound / 32768
    level = np.sqrt((wave.reshape(-1, 2 * FRAME_SAMPLES) ** 2).mean(1))  # a frame
    audible = [e for e in events if e["kind"] == "sound" and e["dist"] < AUDIBLE]
    seconds = len(sound) / SAMPLE_RATE
    return {
        "rms_db": round(20 * math.log10(max(float(np.sqrt((wave**2).mean())), 1e-6)), 1),
        "peak": round(float(np.abs(wave).max()), 4),
        "silent": round(float((level < SILENT).mean()), 4),
        "sounds_per_s": round(len(audible) / seconds, 2),
        "own_share": round(sum(e["player"] for e in audible) / max(len(audible), 1), 2),
        "shots_per_s": round(sum(e["kind"] == "shot" for e in events) / seconds, 2),
    }
