"""The results page: a section for every set-up that somebody measured."""

from __future__ import annotations

from pathlib import Path

from ..io.write.partial import write_text
from .report import Report

HEADER = """\
# How fast it is

Made by `python -m sr_core benchmark --page docs/benchmark.md`, which adds a section or renews the
one of its set-up; other sections stay as they are, this head is written anew. Times are
milliseconds of wall clock, one video, 480p frames, after 30 frames of warm-up, with the window
full; *waveform level* is from a frame's pixels to its samples, *token level* leaves the decoder
out. A peer does the same work in the same run, with the same threads and numbers; its ratio is
theirs / ours of two medians, above 1 where this is faster.
*transformer* is a Llama that reads a frame's two tokens in one call, as both are known; stepping
them one after the other, as a loop written for text does, is beside it.
Absolute times are those of a machine as busy as it was; ratios say more.

The paper's own waveform level, on one H100: 26.3 ms with 1 step, 31.5 ms with 4. Where there is no
section of an H100 below, nobody has measured this code on one; to do so there:
`python -m sr_core benchmark --config paper --device cuda --steps 1 --against plain dinov2
transformer --page docs/benchmark.md`, and again with `--steps 4`.
"""


def write_section(page: Path, report: Report, command: str) -> None:
    """Put a report into a page, in the place of an earlier one of the same set-up."""
    text = page.read_text(encoding="utf-8") if page.is_file() else HEADER
    sections = text.split("\n## ")[1:]
    title = report.title()
    section = f"{title}\n\n`{command}`\n\n```text\n{report.text()}\n```\n"
    kept = [own.rstrip("\n") + "\n" for own in sections if own.split("\n", 1)[0] != title]
    write_text(page, "\n## ".join([HEADER, *kept, section]))
