"""The results page: a section for every set-up that somebody measured."""

from __future__ import annotations

from pathlib import Path

from ..io.partial import write_text
from .report import Report

HEADER = """\
# How fast it is

Made by `python -m sr_core benchmark --page docs/benchmark.md`, which adds a section or renews the
one of its set-up; other sections stay as they are. Times are milliseconds of wall clock, one video,
480p frames, after 30 frames of warm-up; *waveform level* is from a frame's pixels to its samples,
*token level* leaves the decoder out. A peer does the same work in the same run, with the same
threads and numbers; its ratio is theirs / ours of two medians, above 1 where this is faster.
Absolute times are those of a machine as busy as it was; ratios say more.

| set-up | waveform level | the paper's own |
|---|---|---|
| paper, one H100, 1 step | not measured | 26.3 ms |
| paper, one H100, 4 steps | not measured | 31.5 ms |

To measure those, on a machine with one:
`python -m sr_core benchmark --config paper --device cuda --steps 1 --against plain dinov2
transformer --page docs/benchmark.md`, and again with `--steps 4`.
"""


def write_section(page: Path, report: Report, command: str) -> None:
    """Put a report into a page, in the place of an earlier one of the same set-up."""
    text = page.read_text(encoding="utf-8") if page.is_file() else HEADER
    head, *sections = text.split("\n## ")
    title = report.title()
    section = f"{title}\n\n`{command}`\n\n```text\n{report.text()}\n```\n"
    kept = [own.rstrip("\n") + "\n" for own in sections if own.split("\n", 1)[0] != title]
    whole = "\n## ".join([head.rstrip("\n") + "\n", *kept, section])
    write_text(page, whole)
