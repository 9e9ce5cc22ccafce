"""Results of every kind of sound, one column of the table each: for all clips and per group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...sampling.settings import Settings
from ..metrics.clip_metrics import Analysed, Scores
from .clips import Clip
from .hiss import HissScores, hiss_figures
from .stops import AUC, clip_difference, differences, stop_figures
from .summary import Figures, compare_clouds, ms_per_frame, summarise

REFERENCE, CODEC, SHUFFLED, NULLED, HISS = "reference", "codec", "shuffled", "nulled", "hiss"
MOTION_STOPS = "motion stops"
OVER_STOPS = "over_motion_stops"  # a sound's shifted-onset AUC minus that of MOTION_STOPS


def name_of(settings: Settings) -> str:
    """The name of the sound that the model generates with these settings."""
    return f"{'heun' if settings.method == 'heun' else 'steps'} {settings.steps}"


@dataclass
class Entry:
    """Results of one kind of sound for one clip: a few numbers for each sound (for each seed)."""

    scores: list[Scores] = field(default_factory=list)
    points: list[Tensor] = field(default_factory=list)  # each (n d)
    side_points: list[Tensor] = field(default_factory=list)
    seconds: float = 0.0  # duration of generation
    frames: int = 0  # generated in this time

    def add(self, sound: Analysed, scores: Scores, seconds: float = 0.0, frames: int = 0) -> None:
        self.scores.append(scores)
        self.points.append(sound.points)
        self.side_points.append(sound.side_points)
        self.seconds += seconds
        self.frames += frames


class Baselines(NamedTuple):
    """Results of the baselines without a waveform for one clip."""

    hiss: HissScores
    stops: list[float]  # wins of the onsets


def group_figures(
    clips: Sequence[Clip], results: Sequence[Mapping[str, Entry]], baselines: Sequence[Baselines]
) -> dict[str, Any]:
    """Results of all clips ("all") and of the groups "dense" and "quiet" that have clips."""
    members = {"all": list(range(len(clips)))}
    for group in ("dense", "quiet"):
        members[group] = [n for n, clip in enumerate(clips) if clip.group == group]
    return {
        group: {"clips": len(indices)}
        | _figures([results[n] for n in indices], [baselines[n] for n in indices])
        for group, indices in members.items()
        if indices
    }


def clip_figures(
    clip: Clip, entries: Mapping[str, Entry], baselines: Baselines, seeds: Sequence[int]
) -> dict[str, Any]:
    sounds = {name: summarise([entry.scores]) for name, entry in entries.items()}
    for name, figures in sounds.items():
        figures.pop("intervals")  # undefined for one clip
        figures[OVER_STOPS] = clip_difference(entries[name].scores, baselines.stops)
    sounds[MOTION_STOPS] = {AUC: stop_figures([baselines.stops])[AUC]}
    noise = [clip.seed(seed) for seed in seeds]
    return {"name": clip.name, "group": clip.group, "seeds": noise, "sounds": sounds}


def _figures(
    results: Sequence[Mapping[str, Entry]], baselines: Sequence[Baselines]
) -> dict[str, dict[str, Any]]:
    """The figures of all kinds of sound, and their paired differences from MOTION_STOPS."""
    figures: dict[str, Figures] = {}
    references = [entries[REFERENCE] for entries in results]
    for name in results[0]:
        entries = [each[name] for each in results]
        own = summarise([entry.scores for entry in entries])
        clouds = _cloud_figures(name, entries, references)
        intervals = own["intervals"] | clouds["intervals"]
        spent = ms_per_frame([e.seconds for e in entries], [e.frames for e in entries])
        figures[name] = own | clouds | {"ms_per_frame": spent, "intervals": intervals}
    stops = [each.stops for each in baselines]
    scores = {name: [each[name].scores for each in results] for name in figures}
    figures[HISS] = hiss_figures([each.hiss for each in baselines])
    figures[MOTION_STOPS] = stop_figures(stops)
    return {"sounds": figures, OVER_STOPS: differences(scores, stops)}


def _cloud_figures(name: str, entries: list[Entry], reference: list[Entry]) -> Figures:
    """Distances between the set of a kind of sound, of all seeds, and the set of references.

    Shuffling clips does not change a set, so SHUFFLED instead compares the references of every
    second clip with the references of the other clips.
    """
    shuffled = name == SHUFFLED
    mine, real = (reference[1::2], reference[::2]) if shuffled else (entries, reference)
    if not mine:
        return {"frechet": None, "mmd": None, "frechet_side": None, "intervals": {}}
    both = compare_clouds(
        [torch.cat(e.points) for e in mine], [torch.cat(e.points) for e in real], not shuffled
    )
    side = compare_clouds(
        [torch.cat(e.side_points) for e in mine],
        [torch.cat(e.side_points) for e in real],
        not shuffled,
    )
    if "frechet" in side["intervals"]:
        both["intervals"]["frechet_side"] = side["intervals"]["frechet"]
    return both | {"frechet_side": side["frechet"]}
