"""Results in words: one table a group, figures down, sounds across."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .long_run import in_words
from .summary import LINES


def as_text(result: Mapping[str, Any]) -> str:
    """Columns in line, for a terminal."""
    parts = []
    for rows in _tables(result):
        widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
        parts.append("\n".join(_aligned(row, widths) for row in rows))
    return "\n\n".join([*parts, *_remarks(result)])


def as_markdown(result: Mapping[str, Any]) -> str:
    """The same as Markdown."""
    parts = []
    for head, *rows in _tables(result):
        rule = ["---", *["---:"] * (len(head) - 1)]
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows)))
    return "\n\n".join([*parts, *_remarks(result)])


def _tables(result: Mapping[str, Any]) -> list[list[list[str]]]:
    tables = []
    for group, content in result["groups"].items():
        sounds = content["sounds"]
        rows = [[f"{group}, {content['clips']} clips", *sounds]]
        for line in LINES:
            values = [_written(figures.get(line.key), line.form) for figures in sounds.values()]
            if any(values):
                rows.append([line.words, *values])
        tables.append(rows)
    return tables


def _written(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _aligned(row: list[str], widths: list[int]) -> str:
    first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    return "  ".join([row[0].ljust(len(first)), *rest])


def _remarks(result: Mapping[str, Any]) -> list[str]:
    """What is not of the kind of the table."""
    figures = result["groups"]["all"]["sounds"]["reference"]
    remarks = [
        f"{figures['isolated_shots']} isolated shots, {figures['lone_sounds']} lone off-axis "
        f"sounds, {figures['lone_sounds_in_view']} of them in view; "
        "chance is the column 'shuffled', the ceiling 'codec'"
    ]
    remarks += in_words(result["loops"])
    if result["left_out"]:
        remarks.append(f"left out: {', '.join(result['left_out'])}")
    return remarks
