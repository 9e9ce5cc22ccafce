"""Results as tables: one table per group, metrics in rows, sounds in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..protocol.intervals import CLOUD_RESAMPLES, RESAMPLES, SHARE
from ..protocol.long_run import in_words
from ..protocol.summary import LINES, Line

NOT_COMPUTED = (
    "not computed here, but in the paper: KL, IS, IB-score, DeSync, FSAD, and Frechet distances of "
    "left, right, mid and side in the paper's embeddings; these need weights of other models: run "
    "the paper's toolkit on the files that --export writes"
)

LIKENESS = (
    "silent frames: share of the frames of 1600 samples below -55 dBFS; level: mean of the frames' "
    "dB (each at least -60), minus that of the real sound; log-mel: mean |difference| of "
    "ln(m + 1e-5), m in 48 mel bands of 60 Hz to 12 kHz; spread: standard deviation of this "
    "log-mel over time, divided by that of the real sound"
)


class Cell(NamedTuple):
    value: str
    interval: str  # "" where there is none

    @property
    def whole(self) -> str:
        return f"{self.value} {self.interval}".rstrip()


def as_text(result: Mapping[str, Any]) -> str:
    """Tables with aligned columns, for a terminal; intervals are in the line below their values."""
    parts = []
    for rows in _tables(result):
        lines = [line for row in rows for line in _lines(row)]
        widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
        parts.append("\n".join(_aligned(line, widths) for line in lines))
    return "\n\n".join([*parts, *_remarks(result)])


def as_markdown(result: Mapping[str, Any]) -> str:
    """The same tables as Markdown; intervals are in the same cell as their values."""
    parts = []
    for head, *rows in _tables(result):
        rule = [Cell("---", ""), *[Cell("---:", "")] * (len(head) - 1)]
        lines = (
            "| " + " | ".join(cell.whole for cell in row) + " |" for row in (head, rule, *rows)
        )
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, *_remarks(result)])


def _tables(result: Mapping[str, Any]) -> list[list[list[Cell]]]:
    tables = []
    for group, content in result["groups"].items():
        sounds = content["sounds"]
        rows = [[Cell(f"{group}, {content['clips']} clips", ""), *(Cell(s, "") for s in sounds)]]
        for line in LINES:
            cells = [_cell(figures, line) for figures in sounds.values()]
            if any(cell.value for cell in cells):
                rows.append([Cell(line.words, ""), *cells])
        tables.append(rows)
    return tables


def _cell(figures: Mapping[str, Any], line: Line) -> Cell:
    value = figures.get(line.key)
    low, high = figures["intervals"].get(line.key, (None, None))
    ends = "" if low == high else f"[{low:{line.form}}, {high:{line.form}}]"
    return Cell("" if value is None else format(value, line.form), ends)


def _lines(row: Sequence[Cell]) -> list[list[str]]:
    """One line of values, and one of intervals if there are any."""
    values, intervals = zip(*row, strict=True)
    return [list(values), list(intervals)] if any(intervals) else [list(values)]


def _aligned(row: list[str], widths: list[int]) -> str:
    first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    return "  ".join([row[0].ljust(len(first)), *rest])


def _remarks(result: Mapping[str, Any]) -> list[str]:
    """Remarks below the tables: counts, intervals, metrics not computed, loops, skipped clips."""
    figures = result["groups"]["all"]["sounds"]["reference"]
    remarks = [
        LIKENESS,
        f"{figures['isolated_shots']} isolated shots, {figures['lone_sounds']} lone off-axis "
        f"sounds, {figures['lone_sounds_in_view']} of them in view; "
        "chance is the column 'shuffled', the ceiling 'codec'",
        f"[low, high]: {SHARE:.0%} interval, percentile bootstrap over clips ({RESAMPLES} draws, "
        f"{CLOUD_RESAMPLES} for Frechet distance and MMD); none for a single clip",
        NOT_COMPUTED,
    ]
    remarks += in_words(result["loops"])
    if result["left_out"]:
        remarks.append(f"left out: {', '.join(result['left_out'])}")
    return remarks
