"""The package in a real ComfyUI, where one is named by COMFYUI_PATH and COMFYUI_PYTHON."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from sr_core.io.read.audio import read_audio
from sr_core.io.read.video import open_video

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TOOL = HERE / "comfy_host.py"
SAMPLE = ROOT / "sr_core" / "assets" / "sample.mp4"
SAMPLER = "6"  # of video-to-sound.json
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.skipif(
        not os.environ.get("COMFYUI_PATH"),
        reason="needs a ComfyUI checkout in COMFYUI_PATH, and COMFYUI_PYTHON",
    ),
    pytest.mark.slow,
]
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (see CHROMIUM)")


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


def changed(name: str, **nodes: dict[str, Any] | None) -> dict[str, Any]:
    """A prompt with other inputs, as n4={"fps": 0}; an input of None is not connected."""
    prompt = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    for key, inputs in nodes.items():
        node = prompt[key[1:]]["inputs"]
        node.update(inputs)
        prompt[key[1:]]["inputs"] = {k: v for k, v in node.items() if v is not None}
    return prompt


GENERATED, CHAIN = "generated-frames-to-sound", "video-to-sound"
BOTH = {"video": ["1", 1], "fps": 24.0}
MISTAKES = {  # what is wrong, where the host says so, words of it
    "two sources": (
        changed(GENERATED, n4=BOTH),
        "4",
        "video and images",
    ),
    "no rate": (changed(GENERATED, n4={"fps": 0}), "4", "set fps"),
    "gone": (changed(CHAIN, n2={"file": "gone.mp4"}), "2", "upload it or choose another"),
    "outside": (changed(CHAIN, n2={"file": "/etc/hostname"}), "2", "outside of ComfyUI's folders"),
    "no video": (changed(CHAIN, n2={"file": "fake.mp4"}), "2", "fake.mp4"),
    "steps": (changed(CHAIN, n6={"steps": 16}), "6", "expected 1 to 4"),
    "no clip": (changed(CHAIN, n8={"video": None}), "8", "connect either video or frames"),
    "two clips": (changed(CHAIN, n8={"frames": ["2", 0]}), "8", "video and frames"),
    "no live clip": (changed("live", n4={"frames": None}), "4", "connect either"),
    "live steps": (changed("live", n4={"steps": 16}), "4", "expected 1 to 4"),
}


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory) -> dict[str, Any]:
    """What one host said of each of MISTAKES."""
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "fake.mp4").write_text("just text")
    files = [folder / f"{name}.json" for name in MISTAKES]
    for file in files:
        file.write_text(json.dumps(MISTAKES[file.stem][0]), encoding="utf-8")
    report = comfy("run", *files, "--input", folder / "fake.mp4")
    return dict(zip(MISTAKES, report["runs"], strict=True))


@pytest.mark.parametrize("name", MISTAKES)
def test_one_mistake_is_one_error_that_names_what_to_change(mistakes, name):
    _, node, words = MISTAKES[name]
    report = mistakes[name]
    assert list(report["errors"]) == [node], report["errors"]
    found = report["errors"][node]
    if report["status"] == "rejected":  # before anything ran, at the input
        (error,) = found["errors"]
        assert error["extra_info"]["input_name"] == "file" and words in error["details"]
    else:
        assert (report["status"], found["exception_type"]) == ("error", "ValueError")
        assert words in found["exception_message"]


def test_what_is_linked_to_a_node_with_a_mistake_does_not_run(mistakes):
    for name in ("two sources", "no rate"):
        assert not {"1", "2"} & set(mistakes[name]["node_seconds"])


PAGE = {
    "found": """(() => {
      const { $pinia } = document.querySelector("#vue-app").__vue_app__.config.globalProperties;
      return $pinia._s.get("nodeDef").nodeSearchService.searchNode("foley")[0].name })()""",
    "palette": "app.extensionManager.setting.set('Comfy.ColorPalette', 'light').then(() => null)",
    "colors": """(() => ["MODEL", "VISION", "VAE", "FRAMES", "GRID", "STATE"].map((name) => {
      const type = `SOUNDREACTOR_${name}`;
      const variable = getComputedStyle(document.body).getPropertyValue(`--color-datatype-${type}`);
      const { canvas } = app;
      return [canvas.default_connection_color_byType[type],
              canvas.constructor.link_type_colors[type], variable.trim()] }))()""",
    "bypassed": """(async () => {
      app.graph.nodes.find((n) => n.type === "SoundReactorLive").mode = 4;
      return (await app.graphToPrompt()).output })()""",
}


@pytest.fixture(scope="module", params=["false", "true"], ids=["classic", "nodes 2.0"])
def page(request, tmp_path_factory) -> dict[str, Any]:
    """What the page of live.json answers to PAGE, in a renderer."""
    shot = tmp_path_factory.mktemp("page") / "page.png"
    asked = [word for script in PAGE.values() for word in ("--js", script)]
    setting = f"Comfy.VueNodes.Enabled={request.param}"
    workflow = ROOT / "workflows" / "live.json"
    report = comfy("shot", workflow, "--output", shot, "--setting", setting, *asked)
    return {**dict(zip(PAGE, report["js"], strict=True)), "errors": report["console_errors"]}


@in_a_browser
def test_who_searches_foley_finds_the_node_that_does_it_all_first(page):
    assert page["found"] == "SoundReactorVideoToSound"


@in_a_browser
def test_our_sockets_keep_their_colours_when_another_palette_is_chosen(page):
    assert all(len(set(colors)) == 1 and colors[0] for colors in page["colors"])
    assert len({colors[0] for colors in page["colors"]}) == 6
    assert page["errors"] == []


@in_a_browser
def test_with_the_live_node_bypassed_the_clip_passes_the_muxer(page, tmp_path):
    file = tmp_path / "bypassed.json"
    file.write_text(json.dumps(page["bypassed"]), encoding="utf-8")
    assert "SoundReactorLive" not in {node["class_type"] for node in page["bypassed"].values()}
    report = comfy("run", file, "--out", tmp_path)
    assert report["status"] == "success", report["errors"]
    assert report["files"] == []
