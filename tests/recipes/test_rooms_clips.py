"""The rooms' clips: exact lengths, one description beside each, kept when they are there."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # recipes are not installed

if importlib.util.find_spec("scipy") is None:
    pytest.skip("needs scipy", allow_module_level=True)

from recipes.freedoom.check import decode  # noqa: E402
from recipes.rooms import clips, make_clips  # noqa: E402
from recipes.rooms.clips import Options, make_clip, shifted  # noqa: E402
from recipes.rooms.log import Body, Impact, Listener, Log, from_json  # noqa: E402
from recipes.rooms.sound import render, stereo  # noqa: E402
from sr_core.evaluation.metrics.events import read_events  # noqa: E402

BODIES = (
    Body("stick", "wood", "rod", 0.3, 0.02, 0.2),
    Body("cup", "glass", "shell", 0.08, 0.003, 0.15),
)
STRIKE = Impact(0.4, "strike", ("stick", "cup"), 0.2, 2.0, (1.2, -0.9, 1.0))


def scene(seed, seconds, size, kind):
    count = round(seconds * 30)
    frames = np.random.default_rng(seed).integers(0, 255, (count, size[1], size[0], 3), np.uint8)
    still = Listener(
        ((0.0, 0.0, 1.0),) * count, ((1.0, 0.0, 0.0),) * count, ((0.0, 0.0, 1.0),) * count, 60.0
    )
    return frames, Log("strike", seed, count / 30, (4, 5, 2.5), still, BODIES, (STRIKE,))


def options(seconds=1.0, **parts):
    return replace(Options("val", 2, seconds, (64, 48)), **parts)


def test_a_clip_has_1600_samples_a_frame_and_starts_at_0(tmp_path):
    info = make_clip(tmp_path, options(), 0, scene)
    count, sound = decode(tmp_path / info["file"])
    assert info["file"] == "val-2-00000.mp4"
    assert count == info["frames"] == 30 and sound.shape == (48_000, 2)
    assert make_clips.check_clip(tmp_path / info["file"]) == []
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".mp4"]


def test_a_clip_that_is_there_is_kept_and_must_have_been_made_alike(tmp_path):
    first = make_clip(tmp_path, options(), 0, scene)
    assert make_clip(tmp_path, options(), 0, None) == first
    with pytest.raises(ValueError, match="use another folder"):
        make_clip(tmp_path, options(seconds=2.0), 0, scene)


def test_the_same_clip_is_made_twice(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        make_clip(tmp_path / name, options(), 5, scene)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_splits_share_no_scene():
    bases = sorted(clips.SPLITS.values())
    assert all(
        after - before > 900 * clips.PER_SEED
        for before, after in zip(bases, bases[1:], strict=False)
    )


def test_a_clip_s_sound_can_be_made_again_from_its_description(tmp_path):
    index = next(i for i in range(20) if not offset_or_cut(i))
    info = make_clip(tmp_path, options(), index, scene)
    log = from_json(json.dumps(json.loads((tmp_path / "val-2-00000.json").with_name(
        info["file"].replace(".mp4", ".json")).read_text())["logs"][0]))  # fmt: skip
    _, sound = decode(tmp_path / info["file"])
    assert sound == pytest.approx(render(log, stereo(log.seed)), abs=1e-4)


def offset_or_cut(index):
    return any(shot.made.offset for shot in clips._shots(options(), index, scene))


def test_events_are_where_evaluation_looks_for_them(tmp_path):
    index = next(i for i in range(20) if not offset_or_cut(i))
    info = make_clip(tmp_path, options(), index, scene)
    found = read_events(tmp_path / info["file"])
    assert len(found.sounds) == 1
    # 1.5 m away and to the right.
    assert found.sounds[0].seconds == pytest.approx(0.4 + 1.5 / 343, abs=1e-3)
    assert found.sounds[0].angle == pytest.approx(np.degrees(np.arctan2(0.9, 1.2)), abs=0.1)


def test_a_cut_changes_picture_and_sound_at_one_frame(monkeypatch, tmp_path):
    monkeypatch.setattr(clips, "CUT_SHARE", 1.0)
    info = make_clip(tmp_path, options(seconds=5.0), 1, scene)
    assert len(info["starts"]) == 2 and info["frames"] == 150
    described = json.loads((tmp_path / "val-2-00001.json").read_text())
    times = [event["t"] for event in described["events"]]
    offset = described["degradation"][0]["offset"] / 48_000
    assert times[1] == pytest.approx(info["starts"][1] / 30 + 0.4 + 1.5 / 343 + offset, abs=1e-3)
    assert described["logs"][0]["seed"] != described["logs"][1]["seed"]


@pytest.mark.parametrize("offset", [-700, 0, 700])
def test_a_shift_moves_the_sound_and_keeps_its_length(offset):
    sound = np.zeros((4800, 2))
    sound[2000] = 1.0
    moved = shifted(sound, offset)
    assert moved.shape == sound.shape and moved[:, 0].argmax() == 2000 + offset


def test_processes_are_replaced_without_a_stop(monkeypatch, tmp_path):
    monkeypatch.setattr(make_clips, "make_clip", print)  # any function that a process can import
    monkeypatch.setattr(make_clips, "TASKS", 1)
    args = make_clips.arguments(["--out", str(tmp_path), "--workers", "1", "--first", "7"])
    assert list(make_clips.made(args, options(), 3)) == [None, None, None]
