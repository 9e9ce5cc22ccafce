"""A folder of shards takes the same footage again, and more; it refuses what would spoil it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sr_core.training.data.clips import ClipConfig
from sr_core.training.data.shard_layout import check_folder
from sr_core.training.data.shard_writer import ShardJob, plan


def jobs_of(folder, names, split="train", per_shard=2, held_out=0.0, **settings):
    videos = [Path(f"{name}.mp4") for name in names]
    return [
        replace(ShardJob(target, members, ClipConfig()), **settings)
        for target, members in plan(videos, folder, split, held_out, per_shard)
    ]


@pytest.fixture
def folder(tmp_path):
    """Shards of a, b and of c, d, for training."""
    leave(jobs_of(tmp_path, "abcd"))
    return tmp_path


def leave(jobs):
    for job in jobs:
        Path(job.target).write_bytes(b"")
        report = {"videos": list(job.videos), "made": json.loads(json.dumps(job.made)), "clips": {}}
        Path(job.target).with_suffix(".json").write_text(json.dumps(report))


def test_the_same_again_and_more_videos_are_welcome(folder):
    (folder / "config.json").write_text("{}")
    assert check_folder(folder, jobs_of(folder, "abcd"), "train") == []
    assert check_folder(folder, jobs_of(folder, "abcde"), "train") == []
    assert check_folder(folder, jobs_of(folder, "xy", "val"), "val") == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"mirror": True}, "mirror False -> True"),
        ({"clips": ClipConfig(seconds=4.0)}, "seconds 8.0 -> 4.0"),
        ({"parts": ("a", None)}, "grid False -> True"),
    ],
)
def test_clips_made_otherwise_are_not_mixed(folder, settings, said):
    with pytest.raises(ValueError, match=f"train-00000.json with other settings .*{said}"):
        check_folder(folder, jobs_of(folder, "abcd", **settings), "train")


@pytest.mark.parametrize("names", ["xyz", "abc"])
def test_shards_of_other_videos_are_not_overwritten(folder, names):
    with pytest.raises(ValueError, match="mp4' in train-0000.*not among these.*choose another -o"):
        check_folder(folder, jobs_of(folder, names), "train")


def test_a_video_does_not_come_into_a_second_split(folder):
    with pytest.raises(ValueError, match="'a.mp4' in train, and now for val"):
        check_folder(folder, jobs_of(folder, "a", "val"), "val")
    with pytest.raises(ValueError, match="in train, and now for val"):
        check_folder(folder, jobs_of(folder, "abcd", "auto", held_out=1.0), "auto")


def test_shards_whose_videos_are_in_others_now_are_left_over(folder):
    assert check_folder(folder, jobs_of(folder, "abcd", per_shard=4), "train") == [
        folder / "train-00001.tar"
    ]
