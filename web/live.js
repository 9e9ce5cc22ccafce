// Adds the player to SoundReactor Live nodes and passes the server's reports of a run to them.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { findNode, rootGraph } from "./graph.js";

const NODE = "SoundReactorLive";
const EVENT = "soundreactor.live";
const STORE = "SoundReactor.live";

// The last report of each node of each workflow that ran in this tab. It makes the sound available
// after the workflow is opened again (Map) and after the page is reloaded (sessionStorage).
const latest = new Map(JSON.parse(sessionStorage.getItem(STORE) ?? "[]"));

// Registered before the first await: the front end reports an event without listener as an error,
// and after a reload the first event may arrive immediately.
api.addEventListener(EVENT, ({ detail }) => take(detail));

// ComfyUI makes browsers revalidate .js files, but not .mjs files. Revalidate them here, so that
// after an update of this package old modules do not run together with new ones.
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
  // Another workflow may have a node with the same id.
  if (report.graph && rootGraph()?.id && report.graph !== rootGraph().id) return;
  findNode(report.node, NODE)?.soundreactor?.player.update(report);
}

// Restores the sounds from before a reload of the page, if the server still has their files.
async function recover() {
  for (const [name, before] of latest) {
    const report = await recovered(before);
    if (latest.get(name) !== before) continue; // the server has sent a newer report meanwhile
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
      if (report) take(report); // checks the workflow: the front end calls any node with this id
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
