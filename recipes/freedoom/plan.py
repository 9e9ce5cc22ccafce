"""What a clip will be, drawn from its split, seed and index alone."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

from .splits import SPLITS

SPARSE_SHARE = 0.35
ARENA_SHARE = 0.06  # of the dense clips, where the split has scenarios
DENSE_THEMES = {"fight": 0.55, "roam": 0.15, "door": 0.15, "barrel": 0.15}
SPARSE_THEMES = {"range": 0.35, "roam": 0.25, "door": 0.2, "barrel": 0.2}
GUESTS = ("DoomImp", "ZombieMan", "ShotgunGuy", "Demon", "LostSoul", "Cacodemon", "BaronOfHell")
GUEST_SHARE = 0.3  # of the sparse clips: one monster alone teaches what a monster sounds like
MAX_SILENT = {False: 0.6, True: 0.93}  # share of silent frames, by `sparse`, from which we retry


@dataclass(frozen=True)
class Options:
    """What the user chooses, the same for all clips of a run."""

    split: str
    seed: int = 0
    seconds: float = 10.0
    sparse: float = SPARSE_SHARE  # share of clips with few sounds, each of them clear
    aside: bool = False  # instead of all themes: monsters in view, but never in the middle


@dataclass(frozen=True)
class Plan:
    """One attempt at one clip; a themed place may not exist on the map, then the next is tried."""

    index: int
    attempt: int
    map: str
    theme: str  # fight, roam, door, barrel, range, arena or aside
    sparse: bool
    guests: tuple[str, ...]  # monsters that are called up in an otherwise empty map
    skill: int
    flashes: bool  # the red and golden tints over the picture
    engine_seed: int
    player_seed: int


def plan_clip(options: Options, index: int, attempt: int = 0) -> Plan:
    """The plan of clip `index`; `attempt` changes everything but whether the clip is sparse."""
    sparse = options.aside or _generator(options, index).random() < options.sparse
    rng = _generator(options, index, attempt)
    scenarios = [name for name in SPLITS[options.split] if name.startswith("s:")]
    levels = [name for name in SPLITS[options.split] if not name.startswith("s:")]
    arena = bool(scenarios) and not sparse and rng.random() < ARENA_SHARE
    themes = SPARSE_THEMES if sparse else DENSE_THEMES
    theme = rng.choices(list(themes), list(themes.values()))[0]
    guests = rng.choices(GUESTS, k=rng.choice((1, 1, 2)))
    if options.aside:
        theme = "aside"
    return Plan(
        index=index,
        attempt=attempt,
        map=rng.choice(scenarios if arena else levels),
        theme="arena" if arena else theme,
        sparse=sparse,
        guests=tuple(guests) if options.aside or (sparse and rng.random() < GUEST_SHARE) else (),
        skill=rng.choice((1, 3, 4)),
        flashes=rng.random() < 0.5,
        engine_seed=rng.getrandbits(31),
        player_seed=rng.getrandbits(31),
    )


def _generator(options: Options, *parts: int) -> random.Random:
    text = "/".join(str(part) for part in (options.split, options.seed, *parts))
    return random.Random(hashlib.sha256(text.encode("ascii")).digest())
