"""The package in a real ComfyUI, where one is named by COMFYUI_PATH and COMFYUI_PYTHON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from sr_core.io.audio import read_audio
from sr_core.io.video import open_video

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TOOL = HERE / "comfy_host.py"
SAMPLE = ROOT / "sr_core" / "assets" / "sample.mp4"
SAMPLER, MUXER = "6", "8"  # of video-to-sound.json

pytestmark = [
    pytest.mark.skipif(
        not os.environ.get("COMFYUI_PATH"),
        reason="needs a ComfyUI checkout in COMFYUI_PATH, and COMFYUI_PYTHON",
    ),
    pytest.mark.slow,
]


def comfy(*arguments: str | Path) -> dict[str, Any]:
    """What the tool reports; the host starts with an empty input folder."""
    python = os.environ.get("COMFYUI_PYTHON") or sys.executable
    command = [python, TOOL, arguments[0], "--node", ROOT, *arguments[1:]]
    # Tiny tensors on several threads crawl where others use the machine too.
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(list(map(str, command)), capture_output=True, timeout=900, env=env)
    assert result.stdout, result.stderr.decode()
    return json.loads(result.stdout)


def samples_of_clip() -> int:
    return open_video(SAMPLE).samples()


@pytest.fixture(scope="module")
def info() -> dict[str, Any]:
    return comfy("info")


def test_the_host_imports_it_in_no_time_and_nothing_else(info):
    (report,) = info["import"].values()
    assert report["import_seconds"] <= 0.03
    assert report["new_third_party"] == []


def test_all_nodes_are_there_and_explain_themselves(info):
    assert len(info["nodes"]) == 11
    for node in info["nodes"].values():
        assert node["category"] == "audio/SoundReactor" and node["description"]
        assert all(node["output_tooltips"])
        for group in ("required", "optional"):
            assert all(
                len(i) > 1 and i[1]["tooltip"] for i in node["input"].get(group, {}).values()
            )


def test_the_template_browser_lists_the_workflows(info):
    (templates,) = info["templates"].values()
    assert sorted(templates) == sorted(path.stem for path in (ROOT / "workflows").glob("*.json"))


@pytest.mark.parametrize("name", ["video-to-sound", "generated-frames-to-sound", "live"])
@pytest.mark.parametrize("folder", [ROOT / "workflows", HERE], ids=["as saved", "for the API"])
def test_a_workflow_runs_on_a_fresh_host(folder, name, tmp_path):
    report = comfy(
        "run", folder / f"{name}.json", "--convert", "python", "--repeat", "2", "--out", tmp_path
    )
    first, second = report["runs"]
    assert (first["status"], second["status"]) == ("success", "success"), report
    assert first["cached"] == [] and second["node_seconds"] == {}, (
        "an unchanged rerun costs nothing"
    )
    waveform, rate = read_audio(first["files"][0])
    assert (rate, *waveform.shape) == (48000, 2, samples_of_clip())
    assert open_video(first["files"][0]).duration == open_video(SAMPLE).duration


def test_the_picture_is_copied_and_the_graph_is_inside(tmp_path):
    report = comfy("run", HERE / "video-to-sound.json", "--out", tmp_path)
    with av.open(report["files"][0]) as made, av.open(str(SAMPLE)) as clip:
        assert json.loads(made.metadata["prompt"])[SAMPLER]["class_type"] == "SoundReactorSampler"
        packets = [
            [bytes(packet) for packet in file.demux(video=0) if packet.size]
            for file in (made, clip)
        ]
    assert packets[0] == packets[1]


def test_one_node_does_it_all(tmp_path):
    report = comfy("run", HERE / "one-node.json", "--out", tmp_path)
    assert report["status"] == "success", report
    waves = {Path(f).suffix: read_audio(f)[0] for f in report["files"]}
    assert {suffix: wave.shape[1] for suffix, wave in waves.items()} == {
        ".mov": samples_of_clip(),
        ".flac": samples_of_clip(),
    }
    np.testing.assert_allclose(waves[".mov"], waves[".flac"].clamp(-1, 1), atol=1e-3)


def test_a_sound_is_continued(tmp_path):
    made = comfy("run", HERE / "video-to-sound.json", "--out", tmp_path / "first")
    prompt = tmp_path / "prompt.mp4"
    Path(made["files"][0]).rename(prompt)
    report = comfy("run", HERE / "continue-a-sound.json", "--input", prompt, "--out", tmp_path)
    assert report["status"] == "success", report
    assert read_audio(report["files"][0])[0].shape == (2, samples_of_clip())


def test_cancel_is_honoured_at_once():
    slow = ["--set", f"{SAMPLER}.method=heun", "--set", f"{SAMPLER}.steps=100"]
    report = comfy("run", HERE / "video-to-sound.json", *slow, "--interrupt-after", "3")
    assert report["status"] == "interrupted"
    progress = report["progress"][SAMPLER]
    assert 0 < progress["value"] < progress["max"]
    assert report["seconds"] < report["interrupted_at"] + 2


def test_a_file_that_is_no_video_is_one_clear_error(tmp_path):
    fake = tmp_path / "fake.mp4"
    fake.write_text("just text")
    report = comfy("run", HERE / "video-to-sound.json", "--input", fake, "--set", "2.file=fake.mp4")
    assert report["status"] == "error"
    assert "fake.mp4" in json.dumps(report["errors"])


def test_a_missing_file_is_refused_before_anything_runs():
    report = comfy("run", HERE / "video-to-sound.json", "--set", "2.file=gone.mp4")
    assert report["status"] == "rejected"
    assert "upload it or choose another" in json.dumps(report["errors"])
