// Shows the complete warnings of a node's last run on the node until it runs again.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { findNode, rootGraph } from "./graph.js";

const EVENT = "soundreactor.warning";
const STORE = "SoundReactor.warnings";
const LINE = 17, EDGE = 24; // pixels: height of a line, and of padding and borders together
const LETTER = 6.5; // pixels, approximate width of a letter
const TALLEST = 12; // lines shown at most; the text scrolls

// Texts by graph and node, in sessionStorage: they are shown again after a reload of the page.
const latest = new Map(JSON.parse(sessionStorage.getItem(STORE) ?? "[]"));

// Registered immediately: the front end reports an event without listener as an error. A null text
// means that the node starts to run; ComfyUI's own event for that does not contain the graph.
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
  panel.className = "soundreactor-warnings"; // styled in live/panel.css
  panel.role = "status";
  for (const text of texts) {
    const line = document.createElement("p");
    line.textContent = text;
    panel.append(line);
  }
  // Do not drag the node from here: the text can be selected and scrolled.
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
  node.setDirtyCanvas(true, true); // the widget is positioned when the node is drawn
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
