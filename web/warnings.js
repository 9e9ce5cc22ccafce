// Shows the warnings of a node's last run on it, in full, until it runs again.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { findNode, rootGraph } from "./graph.js";

const EVENT = "soundreactor.warning";
const STORE = "SoundReactor.warnings";
const LINE = 17, EDGE = 24; // pixels: of text, and of what is around it
const LETTER = 6.5; // pixels, about
const TALLEST = 12; // lines; more can be scrolled to

// Texts by graph and node, of this tab: a page that is loaded again shows them again.
const latest = new Map(JSON.parse(sessionStorage.getItem(STORE) ?? "[]"));

// At once: the front end calls an event that nobody listens to an error. Without a text the node
// begins to run. The host's own event of that does not say of which graph the node is.
api.addEventListener(EVENT, ({ detail: { graph, node, text } }) => {
  const known = latest.get(key(graph, node)) ?? [];
  if (text === null) keep(graph, node, []);
  else if (!known.includes(text)) keep(graph, node, [...known, text]);
});

const key = (graph, node) => JSON.stringify([graph ?? null, String(node)]);

function keep(graph, node, texts) {
  if (!texts.length && !latest.has(key(graph, node))) return;
  if (texts.length) latest.set(key(graph, node), texts);
  else latest.delete(key(graph, node));
  sessionStorage.setItem(STORE, JSON.stringify([...latest]));
  if ((graph ?? null) === (rootGraph()?.id ?? null)) show(findNode(node), texts);
}

function show(node, texts) {
  if (!node?.comfyClass?.startsWith("SoundReactor")) return;
  if (node.soundreactorWarnings) remove(node);
  if (texts.length) add(node, texts);
}

function add(node, texts) {
  const panel = document.createElement("div");
  panel.className = "soundreactor-warnings"; // its style is in live/panel.css
  panel.role = "status";
  for (const text of texts) {
    const line = document.createElement("p");
    line.textContent = text;
    panel.append(line);
  }
  // A node is dragged by what lies between its widgets; text is there to be selected and scrolled.
  for (const kind of ["pointerdown", "pointermove", "wheel"])
    panel.addEventListener(kind, (event) => event.stopPropagation());

  const height = () => EDGE + LINE * Math.min(TALLEST, lines(texts, node.size[0]));
  const before = node.size[1];
  const widget = node.addDOMWidget("warnings", "soundreactor_warnings", panel, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: height,
    getMaxHeight: height,
  });
  widget.serialize = false;
  node.setSize([node.size[0], Math.max(before, node.computeSize()[1])]);
  node.setDirtyCanvas(true, true); // its place is found when the node is drawn
  node.soundreactorWarnings = { widget, grown: node.size[1] - before };
}

function remove(node) {
  const { widget, grown } = node.soundreactorWarnings;
  delete node.soundreactorWarnings;
  node.removeWidget(widget);
  node.setSize([node.size[0], node.size[1] - grown]);
  node.setDirtyCanvas(true, true);
}

function lines(texts, width) {
  const letters = Math.max(10, (width - 50) / LETTER);
  return texts.reduce((sum, text) => sum + Math.ceil(text.length / letters), 0);
}

app.registerExtension({
  name: "SoundReactor.Warnings",

  afterConfigureGraph() {
    for (const [name, texts] of latest) {
      const [graph, node] = JSON.parse(name);
      if (graph === (rootGraph()?.id ?? null)) show(findNode(node), texts);
    }
  },
});
