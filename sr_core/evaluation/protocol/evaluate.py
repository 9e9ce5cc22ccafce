"""Evaluation of a checkpoint on clips: metrics and baselines, with one clip in memory at a time."""

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

from ...pipeline import Pipeline
from ...sampling.settings import Settings
from ..metrics.clip_metrics import Analysed, Scores, analyse, score
from ..metrics.distances import mel_distance_db
from ..metrics.embeddings import Embed, patch_statistics
from .baselines import from_model, from_nothing, through_codec
from .clips import Clip, as_long_as, partners, read_clips
from .intervals import ratio_interval
from .long_run import long_run
from .summary import Figures, compare_clouds, ms_per_frame, summarise

Observer = Callable[[Clip, dict[str, Tensor]], None]  # each sound (2 s) under its name
REFERENCE, CODEC, SHUFFLED, NULLED, HISS = "reference", "codec", "shuffled", "nulled", "hiss"


@dataclass
class Column:
    """Results of one kind of sound for all clips; a few numbers per clip."""

    scores: list[Scores] = field(default_factory=list)
    points: list[Tensor] = field(default_factory=list)  # each (n d)
    side_points: list[Tensor] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # duration of generation
    frames: list[int] = field(default_factory=list)

    def add(self, sound: Analysed, scores: Scores, seconds: float, frames: int) -> None:
        self.scores.append(scores)
        self.points.append(sound.points)
        self.side_points.append(sound.side_points)
        self.seconds.append(seconds)
        self.frames.append(frames)


def evaluate(
    pipeline: Pipeline,
    paths: Iterable[Path],
    settings: Sequence[Settings],
    seed: int = 0,
    embed: Embed = patch_statistics,
    observers: Sequence[Observer] = (),
    loop_seconds: float = 0,
) -> dict[str, Any]:
    """Computes the metrics of each kind of sound, for all clips and per group (dense, quiet).

    The sounds are the reference, the reference through the codec, another clip's sound, the model
    with null frames, and the model with each of `settings`. The noise differs per clip (see
    `Clip.seed`). `loop_seconds` adds a long run of the first clip, with the noise of `seed`.
    """
    clips, left_out = read_clips(paths, pipeline.frame_rate)
    first = clips[0].frames
    loops = long_run(pipeline, first, settings, seed, loop_seconds) if loop_seconds else {}
    done, hiss, columns = list[Clip](), list[float](), defaultdict[str, Column](Column)
    for clip, partner in zip(_with_progress(clips), partners(clips), strict=True):
        try:
            sounds, seconds = _sounds(pipeline, clip, partner, settings, clip.seed(seed))
        except (ValueError, OSError) as error:
            left_out[str(clip.path)] = str(error)
            print(f"left out: {clip.path}: {error}", file=sys.stderr)
            continue
        done.append(clip)
        reference = _score_sounds(columns, sounds, seconds, clip, embed)
        hiss.append(mel_distance_db(_group_spectrum(clips, clip.group), reference.mel))
        for observe in observers:
            observe(clip, sounds)
    if not done:
        raise ValueError(f"got no clip that could be evaluated: {'; '.join(left_out.values())}")
    return {
        "groups": _groups(done, columns, hiss),
        "clips": [_clip_figures(clip, n, columns, seed) for n, clip in enumerate(done)],
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
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """All sounds for a clip by name, and the seconds that generating took."""
    own = clip.sound()
    # A single clip has no partner: its own sound, shifted by half its length, replaces it.
    other = partner.sound() if partner else own.roll(own.shape[-1] // 2, dims=-1)
    sounds = {
        REFERENCE: own,
        CODEC: through_codec(pipeline.vae, own),
        SHUFFLED: as_long_as(other, own.shape[-1]),
        NULLED: from_nothing(pipeline, clip.frames, settings[-1], seed),
    }
    seconds = {}
    for each in settings:
        began = time.monotonic()
        sounds[name_of(each)] = from_model(pipeline, clip.frames, each, seed)
        seconds[name_of(each)] = time.monotonic() - began
    return sounds, seconds


def _score_sounds(
    columns: dict[str, Column],
    sounds: dict[str, Tensor],
    seconds: dict[str, float],
    clip: Clip,
    embed: Embed,
) -> Analysed:
    """Adds the scores of all sounds of a clip to their columns; returns the reference."""
    reference = analyse(sounds[REFERENCE], embed)
    for name, waveform in sounds.items():
        sound = reference if name == REFERENCE else analyse(waveform, embed)
        scores = score(sound, reference, clip.log)
        columns[name].add(sound, scores, seconds.get(name, 0), clip.frames.count)
    return reference


def _with_progress(clips: list[Clip]) -> Iterable[Clip]:
    return tqdm(clips, unit="clip", file=sys.stderr, dynamic_ncols=True)


def _group_spectrum(clips: list[Clip], group: str) -> Tensor:  # -> (m 1)
    """Median spectrum of a group's clips: the spectrum of the baseline 'hiss'."""
    spectra = torch.stack([clip.spectrum for clip in clips if clip.group == group])
    return rearrange(spectra.median(dim=0).values, "m -> m 1")


def _groups(clips: list[Clip], columns: dict[str, Column], hiss: list[float]) -> dict[str, Any]:
    members = {"all": list(range(len(clips)))}
    for group in ("dense", "quiet"):
        members[group] = [n for n, clip in enumerate(clips) if clip.group == group]
    return {
        group: {"clips": len(indices), "sounds": _figures(indices, columns, hiss)}
        for group, indices in members.items()
        if indices
    }


def _figures(
    indices: list[int], columns: dict[str, Column], hiss: list[float]
) -> dict[str, Figures]:
    reference = columns[REFERENCE]
    figures: dict[str, Figures] = {}
    for name, column in columns.items():
        own = summarise([column.scores[n] for n in indices])
        clouds = _cloud_figures(name, column, reference, indices)
        intervals = own["intervals"] | clouds["intervals"]
        seconds, frames = [column.seconds[n] for n in indices], [column.frames[n] for n in indices]
        spent = ms_per_frame(seconds, frames)
        figures[name] = own | clouds | {"ms_per_frame": spent, "intervals": intervals}
    figures[HISS] = _hiss_figures([hiss[n] for n in indices])
    return figures


def _hiss_figures(distances: list[float]) -> Figures:
    interval = ratio_interval(distances, [1] * len(distances))
    return {
        "mel_db": sum(distances) / len(distances),
        "mel_spread_ratio": 0.0,
        "intervals": {"mel_db": interval} if interval else {},
    }


def _cloud_figures(name: str, column: Column, reference: Column, indices: list[int]) -> Figures:
    """Distances between the set of a kind of sound and the set of references.

    Shuffling clips does not change a set, so SHUFFLED instead compares the references of every
    second clip with the references of the other clips.
    """
    mine, real = (indices[1::2], indices[::2]) if name == SHUFFLED else (indices, indices)
    source, paired = (reference, False) if name == SHUFFLED else (column, True)
    if not mine:
        return {"frechet": None, "mmd": None, "frechet_side": None, "intervals": {}}
    points = [[own[n] for n in mine] for own in (source.points, source.side_points)]
    others = [[own[n] for n in real] for own in (reference.points, reference.side_points)]
    both, side = (compare_clouds(x, y, paired) for x, y in zip(points, others, strict=True))
    if "frechet" in side["intervals"]:
        both["intervals"]["frechet_side"] = side["intervals"]["frechet"]
    return both | {"frechet_side": side["frechet"]}


def _clip_figures(clip: Clip, index: int, columns: dict[str, Column], seed: int) -> dict[str, Any]:
    sounds = {name: summarise([column.scores[index]]) for name, column in columns.items()}
    for figures in sounds.values():
        figures.pop("intervals")  # undefined for one clip
    facts = {"name": clip.name, "group": clip.group, "seed": clip.seed(seed)}
    return facts | {"sounds": sounds}
