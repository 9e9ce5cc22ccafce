"""What is on the nodes, in a browser: warnings, colors, and a filename prefix as it is queued."""

from __future__ import annotations

import json
import re

import pytest

pytestmark = pytest.mark.slow

# comfy-input-bg and input-text of the palettes in front ends 1.27 to 1.58.
PALETTES = {
    "dark": ("#222", "#ddd"),
    "light": ("#C9C9C9", "#222"),
    "arc": ("#2b2f38", "#ddd"),
    "nord": ("#2e3440", "#bcc2c8"),
    "github": ("#161b22", "#bcc2c8"),
    "solarized": ("#002b36", "#93a1a1"),
}
TEXT = ("button", ".clock", ".words", "a", ".soundreactor-warnings p")
CONTROLS = (".volume", ".place", ".meters i")
LONG = "the picture is unlike anything the model was trained on; the sound may not fit. " * 3


def warn(page, text: str | None, node: int = 1, graph: str = "graph") -> None:
    detail = json.dumps({"node": str(node), "graph": graph, "text": text})
    page.evaluate(f"tell('soundreactor.warning', {detail})")


def begin(page, node: int = 1, graph: str = "graph") -> None:
    """The node runs, as the package says it."""
    warn(page, None, node, graph)


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
    begin(page, node=2)
    begin(page, graph="another")  # where a node of the same number runs
    assert len(shown(page)) == 2
    begin(page)
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


def channels(color: str) -> list[float]:
    """Red, green and blue from 0 to 1, of a color as a browser computes it."""
    numbers = [float(n) for n in re.findall(r"[\d.]+", color.removeprefix("color(srgb"))[:3]]
    return numbers if color.startswith("color(srgb") else [n / 255 for n in numbers]


def contrast(one: str, other: str) -> float:
    def luminance(color: str) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels(color)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.fixture
def colors(page):
    """`colors(selector)`: what is in front, its border, and what it is before."""
    script = """((selector) => {
      const element = document.querySelector(selector);
      const see = (e) => getComputedStyle(e);
      let ground = element;
      while (see(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
      return [see(element).color, see(element).borderTopColor, see(ground).backgroundColor];
    })(%s)"""
    return lambda selector: page.evaluate(script % json.dumps(selector))


def test_contrast_is_what_the_standard_says():
    assert contrast("rgb(0, 0, 0)", "color(srgb 1 1 1)") == pytest.approx(21)
    assert contrast("rgb(119, 119, 119)", "rgb(255, 255, 255)") == pytest.approx(4.48, abs=0.01)


def test_text_has_4_5_and_controls_3_in_every_palette(page, colors):
    page.open(1, extensions="live,warnings")
    page.tell("done", made=20)
    warn(page, "next to silent")
    for name, (ground, ink) in PALETTES.items():
        root = "document.documentElement.style"
        page.evaluate(f"{root}.setProperty('--comfy-input-bg', '{ground}')")
        page.evaluate(f"{root}.setProperty('--input-text', '{ink}')")
        for selector in TEXT:
            front, _, back = colors(selector)
            assert contrast(front, back) >= 4.5, (name, selector, front, back)
        panel = colors(".soundreactor-live")[2]
        for selector in CONTROLS:
            assert contrast(colors(selector)[1], panel) >= 3, (name, selector)
    assert contrast(*colors(".words")[::2]) < 8, "the variables were taken"
