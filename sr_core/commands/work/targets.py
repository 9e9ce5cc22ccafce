"""Output paths of videos, determined and checked before any work."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ...io.choices import WRITABLE
from ...io.read.source import videos_in
from ...io.write.trial import suffix_for
from ...sampling.clip_seed import clip_seed

Job = tuple[Path, Path]  # source video, target file
SeededJob = tuple[Path, Path, int]  # and the seed of its noise


def plan(videos: list[Path], output: Path) -> list[Job]:
    """Return each video with its target; ValueError for equal targets or overwritten sources.

    `output`: the target file of a single video, else the folder for all.
    """
    if is_several(videos) or os.path.isdir(output):
        if output.suffix and not os.path.isdir(output):
            raise ValueError(f"got {output} for several videos; expected a folder to write them to")
        sources = [source for video in videos for source in videos_in(video)]
        jobs = [(source, output / _target_name(source)) for source in sources]
    else:
        jobs = [(videos[0], output)]
    _check_collisions(jobs, is_caseless(output))
    check_overwritten([source for source, _ in jobs], [target for _, target in jobs])
    return jobs


def is_several(videos: list[Path]) -> bool:
    """Whether several videos are requested; a folder counts as several, whatever it contains."""
    return len(videos) > 1 or os.path.isdir(videos[0])


def with_seeds(jobs: list[Job], videos: list[Path], seed: int) -> list[SeededJob]:
    """Each job with the seed of its noise: `seed` itself for a single video, else `clip_seed`.

    `videos` is the argument of `plan`; the seed of a job does not depend on the other jobs.
    """
    several = is_several(videos)
    return [(s, t, clip_seed(seed, s.stem) if several else seed) for s, t in jobs]


def check_overwritten(sources: Iterable[Path], targets: Iterable[Path]) -> None:
    """Raise ValueError if a target is one of the sources, also by a link."""
    read = {_identity(source): source for source in sources if os.path.exists(source)}
    for target in targets:
        source = read.get(_identity(target)) if os.path.exists(target) else None
        if source is not None:
            raise ValueError(
                f"got {target} as output, which is {source} itself and would be overwritten; "
                "expected another name or folder"
            )


def _identity(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_dev, facts.st_ino


def _check_collisions(jobs: list[Job], caseless: bool) -> None:
    taken: dict[str, Path] = {}
    for source, target in jobs:
        name = os.path.abspath(target)
        other = taken.setdefault(name.casefold() if caseless else name, source)
        if other is not source:
            raise ValueError(
                f"got {other} and {source}, which would both become {target}; expected "
                "different names; give them in separate runs with separate folders"
            )


def is_caseless(place: Path) -> bool:
    """Whether file names there are case-insensitive, tested on the nearest existing folder."""
    full = Path(os.path.abspath(place))
    for folder in (full, *full.parents):
        swapped = str(folder.parent / folder.name.swapcase())
        if os.path.exists(folder) and swapped != str(folder):
            return os.path.exists(swapped) and os.path.samefile(swapped, folder)
    return False


def _target_name(source: Path) -> str:
    """The source's name if its suffix is WRITABLE, else with a suffix that can hold its video."""
    if source.suffix.lower() in WRITABLE:
        return source.name
    return source.stem + suffix_for(source)
