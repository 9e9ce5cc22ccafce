"""Warnings on the node, and a filename prefix as it is queued, in a browser."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow

LONG = "the picture is unlike anything the model was trained on; the sound may not fit. " * 3


def warn(page, text: str, node: int = 1, graph: str = "graph") -> None:
    detail = json.dumps({"node": str(node), "graph": graph, "text": text})
    page.evaluate(f"tell('soundreactor.warning', {detail})")


def shown(page, node: int = 1) -> list[str]:
    return page.tab.locator(f"#node{node}-warnings p").all_inner_texts()


def test_a_warning_is_shown_in_full_until_the_node_runs_again(page):
    page.open(1, 2, extensions="live,warnings")
    height = page.evaluate("app.graph.getNodeById(1).size[1]")
    for text in (LONG.strip(), "next to silent", "next to silent"):
        warn(page, text)
    assert shown(page) == [LONG.strip(), "next to silent"] and shown(page, 2) == []
    box = "document.querySelector('.soundreactor-warnings')"
    assert page.evaluate(f"{box}.scrollHeight <= {box}.parentElement.clientHeight + 1")
    page.evaluate("tell('executing', '2')")
    assert len(shown(page)) == 2
    page.evaluate("tell('executing', '1')")
    page.evaluate("tell('executing', null)")
    assert shown(page) == []
    assert page.evaluate("app.graph.getNodeById(1).size[1]") == height


def test_a_warning_outlives_a_reload_and_is_of_its_own_workflow(page):
    page.open(1, extensions="live,warnings")
    warn(page, "clipped")
    warn(page, "of another workflow", graph="another")
    assert shown(page) == ["clipped"]
    page.reload(1)
    assert shown(page) == ["clipped"]


def test_a_prefix_is_queued_with_its_patterns_filled_in(page):
    page.open(extensions="live,prefix")
    queued = """(() => {
      const seed = [{ name: "seed", value: 7 }, { name: "name", value: "a/b:c" }];
      addNode(1, "Other", 400, { title: "Mine", widgets: seed });
      addNode(2, "Other", 400, { properties: { "Node name for S&R": "Named" }, widgets: seed });
      const inner = { nodes: [{ title: "Inside", widgets: seed }] };
      addNode(3, "Group", 400, { title: "Group", subgraph: inner });
      const widget = { name: "filename_prefix", value: "" };
      addNode(4, "SoundReactorMuxAudio", 400, { widgets: [widget] });
      const now = new Date(2026, 2, 4, 5, 6, 7);
      window.Date = class { constructor() { return now; } };
      return %s.map((value) => { widget.value = value; return widget.serializeValue(); });
    })()"""
    wanted = {
        "video/x": "video/x",
        "%date:yyyy-MM-dd%": "2026-03-04",
        "%date:yy/M/d hh:mm:ss%": "26/3/4 05_06_07",
        "%Mine.seed%-%Named.seed%-%Inside.seed%": "7-7-7",
        "%Mine.name%": "a_b_c",
        "%year%_%width%": "%year%_%width%",  # the host's own
        "%Nobody.seed%": "%Nobody.seed%",
    }
    assert page.evaluate(queued % json.dumps(list(wanted))) == list(wanted.values())
