"""Evaluation of a checkpoint on clips: metrics and baselines, with one clip in memory at a time."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm import tqdm

from ...pipeline import Pipeline
from ...sampling.settings import Settings
from ..metrics.clip_metrics import Analysed, analyse, score
from ..metrics.embeddings import Embed, patch_statistics
from .baselines import from_model, from_nothing, through_codec
from .clips import Clip, as_long_as, leave_out, partners, read_clips
from .columns import (
    CODEC,
    NULLED,
    REFERENCE,
    SHUFFLED,
    Baselines,
    Entry,
    clip_figures,
    group_figures,
    name_of,
)
from .hiss import Constants, hiss_of, score_hiss
from .long_run import long_run
from .stops import score_stops

Observer = Callable[[Clip, dict[str, Tensor]], None]  # each sound (2 s) under its name


def evaluate(
    pipeline: Pipeline,
    paths: Iterable[Path],
    settings: Sequence[Settings],
    seeds: Sequence[int] = (0,),
    embed: Embed = patch_statistics,
    observers: Sequence[Observer] = (),
    loop_seconds: float = 0,
) -> dict[str, Any]:
    """Computes the metrics of each kind of sound, for all clips and per group (dense, quiet).

    The sounds are the reference, the reference through the codec, another clip's sound, the model
    with null frames and the last of `settings`, and the model with each of `settings`; `Baselines`
    are added. A clip's figures are means over `seeds`; its noise is its own (see `Clip.seed`).
    Observers and the long run of `loop_seconds` get the first seed.
    """
    clips, left_out = read_clips(paths, pipeline.frame_rate)
    first = clips[0].frames
    loops = long_run(pipeline, first, settings, seeds[0], loop_seconds) if loop_seconds else {}
    done, results, baselines = list[Clip](), list[dict[str, Entry]](), list[Baselines]()
    for clip, partner in zip(_with_progress(clips), partners(clips), strict=True):
        try:
            found = _clip_entries(pipeline, clip, partner, settings, seeds, embed)
            baselines.append(_baselines(clips, clip, found[0]))
        except (ValueError, OSError) as error:
            leave_out(left_out, clip.path, error)
            continue
        _, sounds, entries = found
        done.append(clip)
        results.append(entries)
        for observe in observers:
            observe(clip, sounds)
    if not done:
        raise ValueError(f"got no clip that could be evaluated: {'; '.join(left_out.values())}")
    return {
        "groups": group_figures(done, results, baselines),
        "clips": [clip_figures(*of, seeds) for of in zip(done, results, baselines, strict=True)],
        "loops": loops,
        "left_out": left_out,
    }


def _baselines(clips: list[Clip], clip: Clip, reference: Analysed) -> Baselines:
    hiss = score_hiss(_group_hiss(clips, clip.group), reference)
    return Baselines(hiss, score_stops(clip.frames, reference.onsets))


def _group_hiss(clips: list[Clip], group: str) -> Constants:
    return hiss_of([clip.constants for clip in clips if clip.group == group])


def _clip_entries(
    pipeline: Pipeline,
    clip: Clip,
    partner: Clip | None,
    settings: Sequence[Settings],
    seeds: Sequence[int],
    embed: Embed,
) -> tuple[Analysed, dict[str, Tensor], dict[str, Entry]]:
    """The reference, the sounds (of the first seed) by name, and the results of all sounds."""
    sounds = _fixed_sounds(pipeline, clip, partner)
    reference = analyse(sounds[REFERENCE], embed)
    entries = defaultdict[str, Entry](Entry)
    for name, waveform in sounds.items():
        sound = reference if name == REFERENCE else analyse(waveform, embed)
        entries[name].add(sound, score(sound, reference, clip.log))
    for seed in seeds:
        for name, waveform, seconds in _drawn_sounds(pipeline, clip, settings, clip.seed(seed)):
            sound = analyse(waveform, embed)
            entries[name].add(sound, score(sound, reference, clip.log), seconds, clip.frames.count)
            sounds.setdefault(name, waveform)
    return reference, sounds, entries


def _fixed_sounds(pipeline: Pipeline, clip: Clip, partner: Clip | None) -> dict[str, Tensor]:
    """The sounds that do not depend on a seed, by name."""
    own = clip.sound()
    # A single clip has no partner: its own sound, shifted by half its length, replaces it.
    other = partner.sound() if partner else own.roll(own.shape[-1] // 2, dims=-1)
    return {
        REFERENCE: own,
        CODEC: through_codec(pipeline.vae, own),
        SHUFFLED: as_long_as(other, own.shape[-1]),
    }


def _drawn_sounds(
    pipeline: Pipeline, clip: Clip, settings: Sequence[Settings], seed: int
) -> Iterator[tuple[str, Tensor, float]]:
    """Yields the name of each sound that the model generates, the sound, and seconds it took."""
    yield NULLED, from_nothing(pipeline, clip.frames, settings[-1], seed), 0.0
    for each in settings:
        began = time.monotonic()
        waveform = from_model(pipeline, clip.frames, each, seed)
        yield name_of(each), waveform, time.monotonic() - began


def _with_progress(clips: list[Clip]) -> Iterable[Clip]:
    return tqdm(clips, unit="clip", file=sys.stderr, dynamic_ncols=True)
