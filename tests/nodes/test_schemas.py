"""What the host and its users see of the nodes before anything runs."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.test_structure import MODULES, reached

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "__init__.py", *sorted((ROOT / "nodes").glob("*.py"))]
NAMES = (
    "LoadModel LoadFrames VisionEncoder TemporalDifference Sampler VAEDecode VAEEncode MuxAudio "
    "VideoToSound Live SplitFrames"
).split()
IDS = [f"SoundReactor{name}" for name in NAMES]
HOST_MODULES = {"comfy", "folder_paths", "server"}
HOST_HAS = {"PIL", "av", "einops", "numpy", "safetensors", "torch", "comfy_api", *HOST_MODULES}


def functions(path: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def imported(path: Path) -> list[str]:
    """Absolute names that a file imports."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.append(node.module)
    return names


def test_the_ids_in_shared_workflows_never_change(pack):
    assert sorted(pack.nodes) == sorted(IDS)


TITLES = {
    "SoundReactorLoadModel": "Load SoundReactor Model",
    "SoundReactorLoadFrames": "Frame Loader · load video",
    "SoundReactorVisionEncoder": "DINOv2 Encoder · video to features",
    "SoundReactorTemporalDifference": "Temporal Difference · motion between frames",
    "SoundReactorSampler": "Causal AR Sampler (ECT head) · generate sound",
    "SoundReactorVAEDecode": "VAE Decoder · latents to sound",
    "SoundReactorVAEEncode": "VAE Encoder · sound to latents",
    "SoundReactorMuxAudio": "Audio Muxer · save video with sound",
    "SoundReactorVideoToSound": "Video to Sound (foley) · all steps in one node",
    "SoundReactorLive": "SoundReactor Live · play while generating",
    "SoundReactorSplitFrames": "Split Frames · cut a clip in two",
}


def test_the_titles_say_the_term_and_what_it_does(pack):
    """Frozen: artists look for nodes by these words, and tutorials name them."""
    assert {i: node.define_schema().display_name for i, node in pack.nodes.items()} == TITLES


@pytest.mark.parametrize("node_id", IDS)
def test_every_input_and_output_explains_itself(pack, node_id):
    schema = pack.nodes[node_id].define_schema()
    assert schema.category == "audio/SoundReactor"
    assert schema.display_name and schema.description
    for socket in [*schema.inputs, *schema.outputs]:
        assert socket.tooltip and socket.tooltip.endswith("."), (socket.id, socket.display_name)


@pytest.mark.parametrize("node_id", IDS)
def test_every_node_has_a_help_page(pack, node_id):
    page = (ROOT / "web" / "docs" / f"{node_id}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {pack.nodes[node_id].define_schema().display_name}\n")
    assert len(page) > 400


@pytest.mark.parametrize("node_id", IDS)
def test_execute_takes_exactly_the_inputs_of_the_schema(pack, node_id):
    node = pack.nodes[node_id]
    names = [socket.id for socket in node.define_schema().inputs]
    assert sorted(inspect.signature(node.execute).parameters) == sorted(names)


def test_there_is_no_help_page_without_a_node():
    assert sorted(p.stem for p in (ROOT / "web" / "docs").glob("*.md")) == sorted(IDS)


def test_fields_that_the_host_does_not_know_are_left_out(pack, monkeypatch):
    node, older = pack.nodes["SoundReactorSampler"], pack.stub.Schema

    @dataclass
    class Newer(older):
        search_aliases: list | None = None

    assert not hasattr(node.define_schema(), "search_aliases")
    monkeypatch.setattr(pack.module("schema").io, "Schema", Newer)
    assert "foley" in node.define_schema().search_aliases


def test_who_searches_foley_finds_the_node_that_does_it_all(pack):
    """The front end ranks by words of the names; by aliases it finds only, and not in 1.27."""
    names = {key: node.define_schema().display_name for key, node in pack.nodes.items()}
    found = [key for key, name in names.items() if "foley" in re.findall(r"\w+", name.lower())]
    assert found == ["SoundReactorVideoToSound"]


@pytest.mark.parametrize("node_id", ["SoundReactorLoadFrames", "SoundReactorVideoToSound"])
def test_the_rate_is_asked_for_right_after_the_clip(pack, node_id):
    inputs = pack.nodes[node_id].define_schema().inputs
    shown = [i.id for i in sorted(inputs, key=lambda i: i.optional) if hasattr(i, "default")]
    assert shown.index("fps") == shown.index("file") + 1


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.1) of #rrggbb."""
    levels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels]
    return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_every_socket_of_ours_has_a_colour_of_its_own_that_is_seen_in_both_themes(pack):
    text = (ROOT / "web" / "sockets.js").read_text(encoding="utf-8")
    colors = dict(re.findall(r"(SOUNDREACTOR_\w+): \"(#[0-9a-f]{6})\"", text))
    sockets = vars(pack.module("schema")).values()
    ours = {s.io_type for s in sockets if getattr(s, "io_type", "").startswith("SOUNDREACTOR_")}
    assert set(colors) == ours and len(set(colors.values())) == len(ours)
    dark, light = luminance("#353535"), luminance("#f0f0f0")  # nodes in the two themes
    for color in map(luminance, colors.values()):
        assert min((color + 0.05) / (dark + 0.05), (light + 0.05) / (color + 0.05)) >= 3


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_and_functions_stay_readable(path):
    text = path.read_text(encoding="utf-8")
    assert text.replace("·", "").isascii() and len(text.splitlines()) <= 250
    for function in functions(path):
        first = function.body[0]
        documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        body = function.body[1:] if documented else function.body
        lines = body[-1].end_lineno - body[0].lineno + 1
        limit = 15 if function.name == "execute" else 70 if function.name == "define_schema" else 40
        if not function.name.endswith("_inputs"):  # a list of sockets is data
            assert lines <= limit, f"{function.name} has {lines} lines"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_two_files_talk_to_the_host(path):
    tops = [name.split(".")[0] for name in imported(path)]
    assert not {"sr_core", "nodes"} & set(tops), "the host has modules of these names"
    if path.name not in ("host.py", "page.py"):
        assert not HOST_MODULES & set(tops)


def test_the_nodes_need_no_package_that_a_host_lacks():
    used = {name for module in MODULES if module.startswith("nodes.") for name in reached(module)}
    assert {"sr_core.pipeline", "sr_core.io.write.mux", "sr_core.soundtrack.clip"} < used
    tops = {name.split(".")[0] for module in used for name in imported(MODULES[module])}
    assert tops - set(sys.stdlib_module_names) <= HOST_HAS | {
        "_typeshed"
    }  # for type checkers alone


def test_the_root_file_imports_nothing_heavy():
    code = (
        "import importlib.util, json, sys, time\n"
        f"spec = importlib.util.spec_from_file_location('pack', {str(ROOT / '__init__.py')!r})\n"
        "before, start = set(sys.modules), time.perf_counter()\n"
        "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)\n"
        "seconds = time.perf_counter() - start\n"
        "print(json.dumps([seconds, sorted(set(sys.modules) - before), module.WEB_DIRECTORY]))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    seconds, modules, web = json.loads(result.stdout)
    assert modules == [] and seconds < 0.03
    assert (ROOT / web).is_dir()
