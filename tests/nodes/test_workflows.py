"""The workflow files that the host's template browser shows."""

from __future__ import annotations

import json
import re
from math import dist
from operator import mul
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.json"))
TIMES = [step / 100 for step in range(101)]
VIRTUAL = ("MarkdownNote", "Note")

each = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def project(field: str) -> str:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.search(rf'^{field} = "(.+)"$', text, re.MULTILINE)[1]


def test_the_folder_holds_flat_workflows_and_their_thumbnails_only():
    names = {path.name for path in FOLDER.iterdir()}
    stems = {path.stem for path in WORKFLOWS}
    assert {"video-to-sound", "generated-frames-to-sound"} <= stems
    assert names == {f"{stem}{suffix}" for stem in stems for suffix in (".json", ".jpg")}


@each
def test_a_thumbnail_is_a_small_jpeg(path):
    data = path.with_suffix(".jpg").read_bytes()
    assert data[:3] == b"\xff\xd8\xff" and data[-2:] == b"\xff\xd9"
    assert len(data) < 200_000


@each
def test_ids_and_links_are_true(path):
    graph = read(path)
    nodes = {node["id"]: node for node in graph["nodes"]}
    links = {link[0]: link for link in graph["links"]}
    assert graph["last_node_id"] == max(nodes)
    assert graph["last_link_id"] == max(links)
    for number, source, out, target, into, _ in links.values():
        assert number in nodes[source]["outputs"][out]["links"]
        assert nodes[target]["inputs"][into]["link"] == number


@each
def test_every_node_names_the_package_it_comes_from(path):
    for node in read(path)["nodes"]:
        properties = node["properties"]
        if node["type"].startswith("SoundReactor"):
            assert properties["cnr_id"] == project("name")
            assert properties["ver"] == project("version")
            assert properties["Node name for S&R"] == node["type"]
        elif node["type"] not in VIRTUAL:
            assert properties["cnr_id"] == "comfy-core" and properties["ver"]


@each
def test_a_note_explains_the_workflow(path):
    notes = [n["widgets_values"][0] for n in read(path)["nodes"] if n["type"] in VIRTUAL]
    assert len(notes) == 1 and len(notes[0]) > 300


@each
def test_nodes_do_not_overlap(path):
    boxes = [(*node["pos"], *node["size"], node["id"]) for node in read(path)["nodes"]]
    title = 30  # pixels above `pos`
    for ax, ay, aw, ah, a in boxes:
        for bx, by, bw, bh, b in boxes:
            apart = ax + aw <= bx or bx + bw <= ax or ay + ah <= by - title or by + bh <= ay - title
            assert a == b or apart, (a, b)


def slots(node: dict, side: str) -> list[tuple[float, float]]:
    """Where the links end at a node, in pixels; inputs of widgets have no place of their own."""
    x = node["pos"][0] + (10 if side == "inputs" else node["size"][0] - 9)
    return [(x, node["pos"][1] + (row + 0.7) * 20) for row in range(len(node[side]))]


def curve(start: tuple[float, float], end: tuple[float, float]) -> list[tuple[float, float]]:
    """Points of a link as the front end draws it: a cubic spline, level at its ends."""
    reach = 0.25 * dist(start, end)
    xs = (start[0], start[0] + reach, end[0] - reach, end[0])
    ys = (start[1], start[1], end[1], end[1])
    weights = [((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3) for t in TIMES]
    points = [[sum(map(mul, row, values)) for values in (xs, ys)] for row in weights]
    return [(x, y) for x, y in points]


@each
def test_no_link_runs_behind_a_node(path):
    """Links are drawn below the nodes: what is connected to what would not be seen."""
    graph = read(path)
    nodes = {node["id"]: node for node in graph["nodes"]}
    margin = 11  # a link begins and ends inside of its own nodes
    for number, source, out, target, into, _ in graph["links"]:
        if "widget" in nodes[target]["inputs"][into]:
            continue
        ends = slots(nodes[source], "outputs")[out], slots(nodes[target], "inputs")[into]
        for node in nodes.values():
            (left, top), (width, height) = node["pos"], node["size"]
            for x, y in curve(*ends):
                inside = left + margin < x < left + width - margin and top - 30 < y < top + height
                assert not inside, f"link {number} runs behind {node['type']} {node['id']}"


@each
def test_what_is_offered_needs_no_file_of_the_user(path, pack):
    for node in read(path)["nodes"]:
        if node["type"].startswith("SoundReactor"):
            combos = [i for i in pack.nodes[node["type"]].define_schema().inputs if i.id == "file"]
            assert all(node["widgets_values"][0] in combo.options for combo in combos)


@each
def test_the_copy_for_the_api_is_the_same_graph(path, pack):
    prompt = read(ROOT / "tests" / "host" / path.name)
    graph = read(path)
    nodes = {str(n["id"]): n for n in graph["nodes"] if n["type"] not in VIRTUAL}
    assert {key: node["class_type"] for key, node in prompt.items()} == {
        key: node["type"] for key, node in nodes.items()
    }
    wired = {
        (str(target), nodes[str(target)]["inputs"][into]["name"]): [str(source), out]
        for _, source, out, target, into, _ in graph["links"]
    }
    inputs = {(key, name): v for key, n in prompt.items() for name, v in n["inputs"].items()}
    assert {key: value for key, value in inputs.items() if isinstance(value, list)} == wired
    for key, node in nodes.items():
        if node["type"].startswith("SoundReactor"):
            schema = pack.nodes[node["type"]].define_schema()
            shown = widget_values(schema, node.get("widgets_values", []))
            typed = {n: v for n, v in prompt[key]["inputs"].items() if not isinstance(v, list)}
            assert typed == {n: v for n, v in shown.items() if (key, n) not in wired}


def widget_values(schema, values: list) -> dict:
    """Widgets by name; the front end adds one after a seed and, at the end, one for uploads."""
    values, named = list(values), {}
    for socket in schema.inputs:
        if hasattr(socket, "default") and not getattr(socket, "force_input", None):
            named[socket.id] = values.pop(0)
            if getattr(socket, "control_after_generate", None):
                assert values.pop(0) == "fixed"
    return named
