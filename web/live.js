// Gives SoundReactor Live its player, and what the host tells of a run to the node it is about.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { findNode, rootGraph } from "./graph.js";

const NODE = "SoundReactorLive";
const EVENT = "soundreactor.live";
const STORE = "SoundReactor.live";

// The last report about every node of every workflow that ran in this page: a workflow that is
// opened again finds its sound again. Of this tab, so that a page that is loaded again does too.
const latest = new Map(JSON.parse(sessionStorage.getItem(STORE) ?? "[]"));

// Before anything is awaited: the front end calls an event that nobody listens to an error, and
// after a reload the first may come at once.
api.addEventListener(EVENT, ({ detail }) => take(detail));

// The host has browsers ask whether a .js is still the same, but not a .mjs: after an update of this
// package old modules must not run beside new ones.
const MODULES = ["output", "panel", "player", "ring", "sound", "tape", "worklet"];
const ask = (name) => fetch(new URL(`./live/${name}.mjs`, import.meta.url), { cache: "no-cache" });
await Promise.all(MODULES.map(ask));
const { createPanel, HEIGHT, WIDTH } = await import("./live/panel.mjs");
const { recovered } = await import("./live/sound.mjs");

function take(report) {
  const before = latest.get(key(report));
  latest.set(key(report), report);
  if (before?.file.filename !== report.file.filename || before.status !== report.status)
    sessionStorage.setItem(STORE, JSON.stringify([...latest]));
  deliver(report);
}

const key = (report) => `${report.graph} ${report.node}`;

function deliver(report) {
  // Another workflow may have a node of this number.
  if (report.graph && rootGraph()?.id && report.graph !== rootGraph().id) return;
  findNode(report.node, NODE)?.soundreactor?.player.update(report);
}

// What was made before the page was loaded again, as far as the host still has it.
async function recover() {
  for (const [name, before] of latest) {
    const report = await recovered(before);
    if (latest.get(name) !== before) continue; // the host has told of it meanwhile
    if (report) take(report);
    else latest.delete(name);
  }
}

const recovering = recover();

app.registerExtension({
  name: "SoundReactor.Live",

  nodeCreated(node) {
    if (node.comfyClass !== NODE) return;
    const seen = () => !node.graph || !app.canvas?.graph || app.canvas.graph === node.graph;
    const panel = (node.soundreactor = createPanel(seen));
    node.addDOMWidget("player", "soundreactor_live", panel, {
      serialize: false,
      hideOnZoom: false,
      getMinHeight: () => HEIGHT,
      getMaxHeight: () => HEIGHT,
    }).serialize = false;
    node.setSize?.([Math.max(node.size[0], WIDTH), node.size[1]]);

    const { onExecuted, onRemoved } = node;
    node.onExecuted = function (output) {
      onExecuted?.apply(this, arguments);
      const [report] = output?.soundreactor_live ?? [];
      if (report) take(report); // the front end asks any node of that number
    };
    node.onRemoved = function () {
      onRemoved?.apply(this, arguments);
      panel.player.close();
    };
  },

  async afterConfigureGraph() {
    await recovering;
    for (const report of latest.values()) deliver(report);
  },
});
