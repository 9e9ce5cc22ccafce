"""The results page: one section per measured set-up."""

from __future__ import annotations

from pathlib import Path

from ..io.write.partial import write_text
from .report import Report

HEADER = """\
# Benchmark

Written by `python -m sr_core benchmark --page docs/benchmark.md`, which adds or replaces the
section of its set-up and this introduction, and keeps the other sections. Times are wall-clock
milliseconds for one video with 480p frames, after 30 frames of warm-up, with a full attention
window. *Waveform level* is the time from a frame's pixels to its samples; *token level* excludes
the decoder. A peer is another implementation that does the same work in the same run, with the
same number of threads and the same dtype. Its ratio is theirs / ours, of the two medians; above 1
this package is faster.
*transformer* is a Llama that processes both tokens of a frame in one call, since both are known;
*transformer, 2 calls* processes them one after the other, as text generation does.
Absolute times depend on the load of the machine; ratios are more reliable.

The paper reports for the waveform level on one H100: 26.3 ms with 1 step, 31.5 ms with 4. If there
is no H100 section below, this code has not been measured on one; to do so:
`python -m sr_core benchmark --config paper --device cuda --steps 1 --against plain dinov2
transformer --page docs/benchmark.md`, and again with `--steps 4`.
"""


def write_section(page: Path, report: Report, command: str) -> None:
    """Add a report to a page; it replaces an earlier one of the same set-up."""
    text = page.read_text(encoding="utf-8") if page.is_file() else HEADER
    sections = text.split("\n## ")[1:]
    title = report.title()
    section = f"{title}\n\n`{command}`\n\n```text\n{report.text()}\n```\n"
    kept = [other.rstrip("\n") + "\n" for other in sections if other.split("\n", 1)[0] != title]
    write_text(page, "\n## ".join([HEADER, *kept, section]))
