// Gives SoundReactor Live its player, and what the host tells of a run to the node it is about.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

// The host has browsers ask whether a .js is still the same, but not a .mjs: after an update of this
// package old modules must not run beside new ones.
const MODULES = ["output", "panel", "player", "ring", "sound", "tape", "worklet"];
const ask = (name) => fetch(new URL(`./live/${name}.mjs`, import.meta.url), { cache: "no-cache" });
await Promise.all(MODULES.map(ask));
const { createPanel, HEIGHT } = await import("./live/panel.mjs");

const NODE = "SoundReactorLive";
const EVENT = "soundreactor.live";

// The last report about every node of every workflow that ran in this page: a workflow that is
// opened again finds its sound again.
const latest = new Map();

const rootGraph = () => app.rootGraph ?? app.graph;

// A node by the host's name for it: inside subgraphs "outer:inner".
function findNode(id) {
  let graph = rootGraph();
  let node = null;
  for (const part of String(id).split(":")) {
    node = graph?.getNodeById(part);
    graph = node?.subgraph;
  }
  return node?.comfyClass === NODE ? node : null;
}

function take(report) {
  latest.set(`${report.graph} ${report.node}`, report);
  deliver(report);
}

function deliver(report) {
  const graph = rootGraph();
  // Another workflow may have a node of this number.
  if (report.graph && graph.id && report.graph !== graph.id) return;
  findNode(report.node)?.soundreactor?.player.update(report);
}

app.registerExtension({
  name: "SoundReactor.Live",

  setup() {
    api.addEventListener(EVENT, ({ detail }) => take(detail));
  },

  nodeCreated(node) {
    if (node.comfyClass !== NODE) return;
    const panel = (node.soundreactor = createPanel());
    node.addDOMWidget("player", "soundreactor_live", panel, {
      serialize: false,
      hideOnZoom: false,
      getMinHeight: () => HEIGHT,
      getMaxHeight: () => HEIGHT,
    }).serialize = false;

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

  afterConfigureGraph() {
    for (const report of latest.values()) deliver(report);
  },
});
