"""Results as tables: one table per group, metrics in rows, sounds in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..protocol.columns import CODEC, MOTION_STOPS, NULLED, REFERENCE, SHUFFLED
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


ONSETS = (
    "shifted-onset AUC: probability that the spectrum rises more at an onset of the real sound "
    "than at such onsets shifted round the clip by 0.5 s or more (chance 0.5); motion stops: the "
    "same of a score without sound, how suddenly motion in the picture ends"
)
PER_CLIP = {  # key of a metric -> its heading
    "silent_share": "silent",
    "frame_level_difference_db": "level, dB",
    "mel_nats": "log-mel, nats",
    "onset_f1": "onset F1",
    "shifted_onset_auc": "onset AUC",
}


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
        parts.append(_columns([line for row in rows for line in _lines(row)]))
    return "\n\n".join([*parts, *_remarks(result)])


def clips_as_text(clips: Sequence[Mapping[str, Any]]) -> str:
    """A table with a row per clip: five metrics of each sound of the model, and motion stops."""
    fixed = (REFERENCE, CODEC, SHUFFLED, NULLED, MOTION_STOPS)
    shown = [(name, key) for name in clips[0]["sounds"] if name not in fixed for key in PER_CLIP]
    shown.append((MOTION_STOPS, "shifted_onset_auc"))
    forms = {line.key: line.form for line in LINES}
    lines = [["", "", *(name for name, _ in shown)]]
    lines.append(["clip", "group", *(PER_CLIP[key] for _, key in shown)])
    for clip in clips:
        values = ((clip["sounds"][name][key], forms[key]) for name, key in shown)
        cells = ("" if value is None else format(value, form) for value, form in values)
        lines.append([clip["name"], clip["group"], *cells])
    return _columns(lines)


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


def _columns(lines: Sequence[list[str]]) -> str:
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return "\n".join(_aligned(line, widths) for line in lines)


def _aligned(row: list[str], widths: list[int]) -> str:
    first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    return "  ".join([row[0].ljust(len(first)), *rest])


def _remarks(result: Mapping[str, Any]) -> list[str]:
    """Remarks below the tables: counts, intervals, metrics not computed, loops, skipped clips."""
    figures = result["groups"]["all"]["sounds"]["reference"]
    remarks = [
        LIKENESS,
        ONSETS,
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
