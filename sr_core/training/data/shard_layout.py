"""Checks that new shards fit the shards that are already in a data folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .shard_writer import ShardJob
from .shards import reports_of, split_of

AUTO = {"train", "val"}  # the splits that `plan` assigns for "auto"


def check_folder(directory: Path, jobs: list[ShardJob], split: str) -> list[Path]:
    """Shards of an earlier call that must be removed, as `jobs` put their videos in other shards.

    Raises ValueError where the folder has clips made with other settings, videos that are not
    among those of `jobs` (their shards would be overwritten), or videos of `jobs` in another split
    (the same video must not be used for both training and validation).
    """
    planned = {job.target for job in jobs}
    places = {video: split_of(job.target) for job in jobs for video in job.videos}
    own = AUTO if split == "auto" else {split}
    left_over = []
    for report_path in reports_of(directory):
        report, there = json.loads(report_path.read_text(encoding="utf-8")), split_of(report_path)
        target = str(report_path.with_suffix(".tar"))
        for video in report["videos"]:
            if video in places and places[video] != there:
                _refuse(directory, f"'{video}' in {there}, and now for {places[video]}")
            if there in own and video not in places:
                _refuse(directory, f"'{video}' in {report_path.name}, and not among these videos")
        if there not in own:
            continue
        changes = list(_changes(report.get("made", {}), jobs[0].made))
        if changes:
            _refuse(directory, f"{report_path.name} with other settings ({', '.join(changes)})")
        if target not in planned:
            left_over.append(Path(target))
    return left_over


def _refuse(directory: Path, what: str) -> None:
    raise ValueError(
        f"got a folder {directory} that has {what}; expected the same settings and splits, and at "
        "least the videos that it was made from; choose another -o, or delete its shards"
    )


def _changes(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for name, value in now.items():
        # Other encoders ("parts") are not refused: `make_shard` makes such shards again.
        if name != "parts" and before.get(name) != value:
            yield f"{name.replace('_', ' ')} {before.get(name)} -> {value}"
