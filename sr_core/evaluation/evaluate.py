"""A checkpoint on clips: every figure beside its baselines, one clip in memory at a time."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from torch import Tensor
from tqdm import tqdm

from ..sampling.pipeline import Pipeline
from ..sampling.settings import Settings
from .clips import Clip, as_long_as, partners, read_clips
from .distances import mel_distance_db
from .embeddings import Embed, patch_statistics
from .long_run import long_run
from .scores import Heard, Scores, hear, score
from .sounds import from_model, from_nothing, through_codec
from .summary import Figures, compare_clouds, summarise

Observer = Callable[[Clip, dict[str, Tensor]], None]  # each sound (2 s) under its name
REFERENCE, CODEC, SHUFFLED, NULLED, HISS = "reference", "codec", "shuffled", "nulled", "hiss"


@dataclass
class Column:
    """What is kept of one sound over all clips; a few numbers a clip."""

    scores: list[Scores] = field(default_factory=list)
    points: list[Tensor] = field(default_factory=list)  # each (n d)
    side_points: list[Tensor] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # that generating took

    def add(self, heard: Heard, scores: Scores, seconds: float) -> None:
        self.scores.append(scores)
        self.points.append(heard.points)
        self.side_points.append(heard.side_points)
        self.seconds.append(seconds)


def evaluate(
    pipeline: Pipeline,
    paths: Iterable[Path],
    settings: Sequence[Settings],
    seed: int = 0,
    embed: Embed = patch_statistics,
    observers: Sequence[Observer] = (),
    loop_seconds: float = 0,
) -> dict[str, Any]:
    """Figures of the reference, its codec copy, another clip's sound, the model without a picture
    and the model with each of `settings`, for all clips and for dense and quiet ones apart; with
    `loop_seconds` also of the first clip's long run.

    The nulled model has `seed` + the clip's number: one seed would make one sound for all.
    """
    clips, left_out = read_clips(paths, pipeline.config.frame_rate)
    loops = {}
    if loop_seconds:
        loops = long_run(pipeline, clips[0].frames, settings, seed, loop_seconds)
    done, hiss, columns = [], [], defaultdict(Column)
    for clip, partner in zip(_shown(clips), partners(clips), strict=True):
        try:
            sounds, seconds = _sounds(pipeline, clip, partner, settings, seed, len(done))
        except (ValueError, OSError) as error:
            left_out[str(clip.path)] = str(error)
            print(f"left out: {clip.path}: {error}", file=sys.stderr)
            continue
        done.append(clip)
        reference = _keep(columns, sounds, seconds, clip, embed)
        hiss.append(mel_distance_db(_group_spectrum(clips, clip.group), reference.mel))
        for observe in observers:
            observe(clip, sounds)
    if not done:
        raise ValueError(f"got no clip that could be evaluated: {'; '.join(left_out.values())}")
    return {
        "groups": _groups(done, columns, hiss),
        "clips": [_of_clip(clip, n, columns) for n, clip in enumerate(done)],
        "loops": loops,
        "left_out": left_out,
    }


def name_of(settings: Settings) -> str:
    return f"steps {settings.steps}"


def _sounds(
    pipeline: Pipeline,
    clip: Clip,
    partner: Clip | None,
    settings: Sequence[Settings],
    seed: int,
    place: int,
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """All sounds for a clip by name, and how many seconds the model's took."""
    own = clip.sound()
    # A clip on its own: half its length later is as good as another.
    other = partner.sound() if partner else own.roll(own.shape[-1] // 2, dims=-1)
    sounds = {
        REFERENCE: own,
        CODEC: through_codec(pipeline.vae, own),
        SHUFFLED: as_long_as(other, own.shape[-1]),
        NULLED: from_nothing(pipeline, clip.frames, settings[-1], seed + place),
    }
    seconds = {}
    for each in settings:
        began = time.monotonic()
        sounds[name_of(each)] = from_model(pipeline, clip.frames, each, seed)
        seconds[name_of(each)] = time.monotonic() - began
    return sounds, seconds


def _keep(
    columns: dict[str, Column],
    sounds: dict[str, Tensor],
    seconds: dict[str, float],
    clip: Clip,
    embed: Embed,
) -> Heard:
    """Score all sounds of a clip into their columns; returns the reference."""
    reference = hear(sounds[REFERENCE], embed)
    for name, waveform in sounds.items():
        heard = reference if name == REFERENCE else hear(waveform, embed)
        columns[name].add(heard, score(heard, reference, clip.log), seconds.get(name, 0))
    return reference


def _shown(clips: list[Clip]) -> Iterable[Clip]:
    return tqdm(clips, unit="clip", file=sys.stderr, dynamic_ncols=True)


def _group_spectrum(clips: list[Clip], group: str) -> Tensor:  # -> (m 1)
    """The median spectrum of a group's clips: what a constant hiss would have."""
    spectra = torch.stack([clip.spectrum for clip in clips if clip.group == group])
    return rearrange(spectra.median(dim=0).values, "m -> m 1")


def _groups(clips: list[Clip], columns: dict[str, Column], hiss: list[float]) -> dict[str, Any]:
    places = {"all": list(range(len(clips)))}
    for group in ("dense", "quiet"):
        places[group] = [n for n, clip in enumerate(clips) if clip.group == group]
    return {
        group: {"clips": len(at), "sounds": _figures(at, columns, hiss)}
        for group, at in places.items()
        if at
    }


def _figures(at: list[int], columns: dict[str, Column], hiss: list[float]) -> dict[str, Figures]:
    reference = columns[REFERENCE]
    figures: dict[str, Figures] = {}
    for name, column in columns.items():
        picked = [column.scores[n] for n in at]
        seconds, shown = sum(column.seconds[n] for n in at), sum(s.seconds for s in picked)
        figures[name] = summarise(picked) | _cloud_figures(name, column, reference, at)
        figures[name]["ms_per_frame"] = seconds / shown / 30 * 1000 if seconds else None
    figures[HISS] = {"mel_db": sum(hiss[n] for n in at) / len(at), "mel_spread_ratio": 0.0}
    return figures


def _cloud_figures(name: str, column: Column, reference: Column, at: list[int]) -> Figures:
    """Distances between sets, of which shuffling changes none.

    In its place every second clip's real sound stands against that of the clips between.
    """
    mine, real = (at[1::2], at[::2]) if name == SHUFFLED else (at, at)
    source = reference if name == SHUFFLED else column
    if not mine:
        return {"frechet": None, "mmd": None, "frechet_side": None}
    points, side = _joined(source.points, mine), _joined(source.side_points, mine)
    figures = compare_clouds(points, _joined(reference.points, real))
    side_figures = compare_clouds(side, _joined(reference.side_points, real))
    return figures | {"frechet_side": side_figures["frechet"]}


def _joined(points: list[Tensor], at: list[int]) -> Tensor:  # each (n d) -> (n d)
    return torch.cat([points[n] for n in at])


def _of_clip(clip: Clip, place: int, columns: dict[str, Column]) -> dict[str, Any]:
    sounds = {name: summarise([column.scores[place]]) for name, column in columns.items()}
    return {"name": clip.name, "group": clip.group, "sounds": sounds}
