"""The live node in a real ComfyUI: heard while it runs, and shots that join without a seam."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sr_core.io.read.audio import read_audio
from sr_core.io.read.video import open_video

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TOOL = HERE / "comfy_host.py"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
SAMPLES = open_video(ROOT / "sr_core" / "assets" / "sample.mp4").samples()
NODE, SECOND = "4", "6"

pytestmark = [
    pytest.mark.skipif(
        not os.environ.get("COMFYUI_PATH"),
        reason="needs a ComfyUI checkout in COMFYUI_PATH, and COMFYUI_PYTHON",
    ),
    pytest.mark.slow,
]
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (see CHROMIUM)")


def python(*arguments: str | Path) -> dict[str, Any]:
    """What a program prints that runs in the host's Python."""
    command = [os.environ.get("COMFYUI_PYTHON") or sys.executable, *map(str, arguments)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, timeout=1800, env=env)
    assert result.stdout, result.stderr.decode()
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> dict[str, Any]:
    """What the page saw; see live_page.py."""
    folder = Path(os.environ.get("LIVE_SHOTS") or tmp_path_factory.mktemp("live"))
    return python(HERE / "live_page.py", folder)


def states(log: list[dict], node: str = NODE, **wanted: Any) -> list[dict]:
    found = [entry for entry in log if entry.get("id") == node]
    return [entry for entry in found if wanted.items() <= entry.items()]


def time_of(log: list[dict], event: str) -> float:
    return next(entry["at"] for entry in log if entry.get("event") == event)


@in_a_browser
def test_samples_arrive_and_the_clock_advances_before_execute_ends(page):
    log = page["heard"]["log"]
    during = states(log, status="running", playing=True, silenced=False)
    clock = [entry["heard"] for entry in during]
    assert clock == sorted(clock) and clock[-1] > clock[0] + 0.5
    assert all(entry["heard"] <= entry["made"] for entry in during)
    assert any(max(entry["peaks"]) > 0.01 for entry in during), "the meters moved"
    assert during[-1]["at"] < time_of(log, "execution_success")


@in_a_browser
def test_it_is_heard_to_the_end_and_is_the_sound_of_the_clip(page):
    last = states(page["heard"]["log"])[-1]
    assert last["heard"] == last["made"] == last["total"] == SAMPLES / 48000
    waveform, rate = read_audio(page["heard"]["file"])
    assert (rate, *waveform.shape) == (48000, 2, SAMPLES)


@in_a_browser
def test_the_page_holds_a_few_seconds_only(page):
    held = [entry["held"] for entry in states(page["heard"]["log"]) if "held" in entry]
    assert 0 < max(held) < 5


@in_a_browser
def test_a_cancelled_run_is_still_played_and_saved(page):
    log = page["stopped"]["log"]
    cancelled = time_of(log, "execution_interrupted")
    after = [s for s in states(log, status="stopped", playing=True) if s["at"] > cancelled]
    assert after[-1]["heard"] > 0.2
    waveform, _ = read_audio(page["stopped"]["file"])
    assert waveform.shape[1] == round(after[-1]["made"] * 48000) < SAMPLES
    assert waveform.abs().max() > 0.01


@in_a_browser
def test_two_live_nodes_have_a_sound_each_and_the_second_waits_for_the_first(page):
    log = page["two nodes"]["log"]
    assert {states(log, n)[-1]["status"] for n in (NODE, SECOND)} == {"done"}
    assert states(log)[-1]["name"] != states(log, SECOND)[-1]["name"]
    heard = [[s["at"] for s in states(log, n, playing=True)] for n in (NODE, SECOND)]
    assert max(heard[0]) < min(heard[1]), "one is heard at a time"
    assert all(states(log, n)[-1]["heard"] == SAMPLES / 48000 for n in (NODE, SECOND))


@in_a_browser
def test_other_tabs_and_other_workflows_are_not_disturbed(page):
    assert page["other tab"] == "idle"
    assert page["other workflow"] == {"there": "idle", "back": "done"}


@in_a_browser
def test_the_page_has_nothing_to_complain_about_and_the_player_is_no_input(page):
    assert page["errors"] == []
    assert set(page["prompt"][NODE]["inputs"]) == {
        *("model", "frames", "seed", "steps", "guidance", "method")
    }


def test_shots_by_the_chain_and_by_the_live_node_sound_like_the_uncut_clip(tmp_path):
    report = python(
        TOOL, "run", "--node", ROOT, HERE / "shots.json", "--out", tmp_path, "--arg=--cache-none"
    )
    assert report["status"] == "success", report
    sounds = {Path(file).stem.split("_")[1]: read_audio(file)[0] for file in report["files"]}
    assert {sound.shape for sound in sounds.values()} == {(2, SAMPLES)}
    for name in ("live-chain", "chain-live"):
        np.testing.assert_allclose(sounds[name], sounds["whole"], atol=2e-3)
