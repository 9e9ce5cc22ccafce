"""Long runs: the drift of the sound of a clip that repeats in one stream, and a report page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...io.read.frames import Frames
from ...io.write.partial import write_text
from ...pipeline import Pipeline
from ...rates import SAMPLE_RATE
from ...sampling.settings import Settings
from ..metrics.stability import stability
from .baselines import from_loops
from .columns import name_of

PAGE = """\
# {model} for {minutes:g} minutes

    python -m sr_core evaluate {clip} --loop {seconds:g} --only-loop {options} --report DIR

repeats the clip in one stream and compares every part of the sound with the first part. The first
repetition is left out because it has no history. "By chance" is the bound that the largest change
from the first part stays below in 95 % of runs without drift: the standard deviation over
repetitions, divided by the square root of the repetitions in a part, times Dunnett's critical value
for that number of comparisons with one part, times the square root of 2. Repetitions are assumed
to be independent.

- level: mean power; DC: squared mean of the samples, of the channel where it is larger; DC change:
  the same for the difference of the means; all in dB relative to full scale
- spectrum: mean absolute difference of 64 mel bands
- timing: delay of the onsets relative to the first part (cross-correlation)
"""
HEAD = """\
## {name}, guidance {guidance:g}, seed {seed}

{loops} repetitions of {period:g} s.

| minutes | level dB | DC dB | DC change dB | spectrum dB | onsets per second | timing ms |
|---|---:|---:|---:|---:|---:|---:|
"""
VERDICT = """\
Largest change: level {level_change_db:+.2f} dB (by chance {level_chance_db:.2f}), DC
{dc_change_db:.0f} dB, spectrum {spectrum_change_db:.2f} dB, onset rate {onset_rate_change:+.1%} (by
chance {onset_rate_chance:.1%}), timing {lag_ms:+.1f} ms.
"""


def long_run(
    pipeline: Pipeline,
    frames: Frames,
    settings: Sequence[Settings],
    seed: int,
    seconds: float,
) -> dict[str, Any]:
    """Results of `stability` for each of the settings, by their names.

    Raises ValueError where `seconds` are too short for three repetitions of the clip.
    """
    period = frames.count * pipeline.config.audio.hop
    count = round(seconds * SAMPLE_RATE / period)
    if count < 3:
        raise ValueError(
            f"got {seconds:g} s of loops of {frames.count} frames; expected three loops or more; "
            "increase the duration, or give a shorter clip first"
        )
    return {
        name_of(each): {"seconds": seconds}
        | stability(from_loops(pipeline, frames, each, seed, count), period)
        for each in settings
    }


def in_words(loops: Mapping[str, Any]) -> list[str]:
    """One sentence for each of the settings."""
    return [
        f"{name}, {found['seconds']:g} s of the first clip in {found['loops']} loops: level at "
        f"most {found['level_change_db']:+.2f} dB from the first part's (by "
        f"chance {found['level_chance_db']:.2f}), spectrum {found['spectrum_change_db']:.2f} dB, "
        f"onset rate {found['onset_rate_change']:+.1%} (by chance "
        f"{found['onset_rate_chance']:.1%}), timing {found['lag_ms']:+.1f} ms; DC at most "
        f"{found['dc_db']:.0f} dB, change {found['dc_change_db']:.0f} dB"
        for name, found in loops.items()
    ]


def write_page(result: Mapping[str, Any], clip: Path, folder: Path) -> Path:
    """Writes FOLDER/long-run.md from the result of `evaluate`."""
    counts = defaultdict[str, list[str]](list)
    for name in result["loops"]:
        method, count = name.split()
        counts[method].append(count)
    options = " ".join(f"--{method} {' '.join(each)}" for method, each in counts.items())
    seed = result["seeds"][0]
    seconds = next(iter(result["loops"].values()))["seconds"]
    page = [
        PAGE.format(
            model=result["model"], minutes=seconds / 60, clip=clip, seconds=seconds, options=options
        )
    ]
    for name, found in result["loops"].items():
        head = HEAD.format(name=name, seed=seed, period=found["period_s"], **{**result, **found})
        page.append(head + "\n".join(_rows(found)) + "\n\n" + VERDICT.format(**found))
    target = folder / "long-run.md"
    write_text(target, "\n".join(page))
    return target


def _rows(found: Mapping[str, Any]) -> list[str]:
    parts = found["parts"]
    ends = [*(part["from_s"] for part in parts[1:]), found["loops"] * found["period_s"]]
    return [
        f"| {part['from_s'] / 60:.1f} - {end / 60:.1f} | {part['level_db']:.2f} "
        f"| {part['dc_db']:.0f} | {part['dc_change_db']:.0f} | {part['spectrum_change_db']:.2f} "
        f"| {part['onsets_per_s']:.2f} "
        f"| {part['lag_ms']:+.1f} |"
        for part, end in zip(parts, ends, strict=True)
    ]
