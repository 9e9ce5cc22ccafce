"""Drive the live node in the real front end, and print what the page saw: run by test_live.py.

    python live_page.py FOLDER [classic|vue] [FRONT_END]

Screenshots and files go to FOLDER; FRONT_END is another than the host's own (its static folder).
"""

from __future__ import annotations

import json
import sys
import time
from copy import deepcopy
from pathlib import Path

from comfy_page import Browser
from comfy_run import Host

ROOT = Path(__file__).parents[2]
ENDED = "log.some((e) => e.event === 'execution_success')"
WATCH = """
window.players = {};
window.log = [];
for (const node of app.graph.nodes.filter((n) => n.type === 'SoundReactorLive'))
  players[node.id] = node.soundreactor.player;
const note = (entry) => log.push({ at: performance.now(), ...entry });
const api = window.comfyAPI.api.api;
if (!window.watched) {
  for (const event of ['execution_success', 'execution_interrupted', 'execution_error'])
    api.addEventListener(event, () => note({ event }));
  setInterval(() => {
    for (const [id, player] of Object.entries(players))
      note({ id, name: player.sound?.name, ...player.state() });
  }, 50);
  window.watched = true;
}
"""


class Stage:
    """A page with a workflow whose live nodes are watched."""

    def __init__(self, page, workflow: dict, folder: Path, renderer: str):
        self.page, self.folder, self.renderer = page, folder, renderer
        page.load(workflow)
        page.eval(f"(() => {{ {WATCH} }})()")

    def run(self, **widgets) -> None:
        for name, value in widgets.items():
            self.page.eval(
                "app.graph.nodes.filter((n) => n.type === 'SoundReactorLive').forEach((n) => "
                f"n.widgets.find((w) => w.name === {name!r}).value = {json.dumps(value)})"
            )
        self.page.eval("log.length = 0; app.queuePrompt(0, 1).then(() => null)")

    def until(self, condition: str, seconds: float = 600) -> None:
        deadline = time.monotonic() + seconds
        while not self.page.eval(condition):
            if time.monotonic() > deadline:
                raise SystemExit(
                    f"never came: {condition}; last: {self.page.eval('log.slice(-3)')}"
                )
            self.page.pause(0.1)

    def shot(self, name: str) -> None:
        self.page.screenshot(str(self.folder / f"{self.renderer}-{name}.png"))

    def log(self) -> list[dict]:
        return self.page.eval("log")

    def save(self, node: str, name: str) -> str:
        """The sound as the Save link of that node gives it."""
        path = self.page.eval(f"players[{node}].state().url")
        (self.folder / name).write_bytes(self.page.host.request(path))
        return str(self.folder / name)


def plays(page, workflow: dict, folder: Path, renderer: str) -> dict:
    """A run that is heard to its end, and one that is stopped and heard after that."""
    stage = Stage(page, workflow, folder, renderer)
    stage.shot("before")
    stage.run(steps=2)
    stage.until("players[4].state().heard > 0.5")
    stage.shot("during")
    stage.until(f"players[4].state().status === 'done' && !players[4].state().playing && {ENDED}")
    stage.shot("after")
    heard = {"log": stage.log(), "file": stage.save("4", "whole.wav")}
    stage.run(seed=2, method="heun", steps=40)
    stage.until("players[4].state().status === 'running' && players[4].state().made > 0.5")
    page.eval("window.comfyAPI.api.api.interrupt().then(() => null)")
    stage.until("log.some((e) => e.event === 'execution_interrupted')")
    stage.until("!players[4].state().playing")
    page.eval("players[4].play(), null")
    stage.until("players[4].state().heard > 0.3")
    stage.shot("stopped")
    stopped = {"log": stage.log(), "file": stage.save("4", "part.wav")}
    return {"heard": heard, "stopped": stopped, "prompt": page.prompt()}


def other_workflow(page, workflow: dict, folder: Path, renderer: str) -> dict:
    """While a run is under way another workflow is opened, with a live node of the same number."""
    stage = Stage(page, workflow, folder, renderer)
    stage.run(steps=1, seed=8, method="consistency")
    stage.until("players[4].state().status === 'running'")
    page.load({**workflow, "id": "11111111-2222-4333-8444-555555555555"})
    stage.until(ENDED)
    page.pause(1)
    status = "app.graph.getNodeById(4).soundreactor.player.state().status"
    found = {"there": page.eval(status)}
    page.load(workflow)
    return {**found, "back": page.eval(status)}


def two_nodes(page, workflow: dict, folder: Path, renderer: str) -> dict:
    """A second live node that goes on from the first one's state."""
    graph = deepcopy(workflow)
    second = deepcopy(next(n for n in graph["nodes"] if n["id"] == 4))
    second.update(id=6, pos=[390, -500], order=5)
    for index, link in ((0, 5), (2, 6), (3, 7)):
        second["inputs"][index]["link"] = link
    second["outputs"][0]["links"] = None
    graph["nodes"].append(second)
    for link in ((5, 1, 0, 6, 0, "MODEL"), (6, 2, 0, 6, 2, "FRAMES"), (7, 4, 1, 6, 3, "STATE")):
        graph["links"].append([*link[:5], f"SOUNDREACTOR_{link[5]}"])
        output = next(n for n in graph["nodes"] if n["id"] == link[1])["outputs"][link[2]]
        output["links"] = [*(output["links"] or []), link[0]]
    graph.update(last_node_id=6, last_link_id=7)
    stage = Stage(page, graph, folder, renderer)
    stage.run(steps=2, seed=5, method="consistency")
    stage.until(f"Object.values(players).every((p) => p.sound && p.ended) && {ENDED}")
    stage.shot("two-nodes")
    return {"log": stage.log()}


def main(folder: str, renderer: str = "classic", front_end: str = "") -> None:
    workflow = json.loads((ROOT / "workflows" / "live.json").read_text(encoding="utf-8"))
    out = Path(folder)
    settings = {"Comfy.VueNodes.Enabled": True} if renderer == "vue" else {}
    args = ["--disable-api-nodes", *(["--front-end-root", front_end] if front_end else [])]
    with Host([ROOT], settings=settings, args=args) as host:
        with Browser(host, (1500, 1000)) as page, Browser(host, (900, 700)) as other:
            other.load(workflow)
            report = plays(page, workflow, out, renderer)
            state = "app.graph.getNodeById(4).soundreactor.player.state().status"
            report["other tab"] = other.eval(state)
            report["two nodes"] = two_nodes(page, workflow, out, renderer)
            report["other workflow"] = other_workflow(page, workflow, out, renderer)
            report["errors"] = page.errors() + other.errors()
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
