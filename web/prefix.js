// Replaces the patterns of a filename prefix when a graph is queued, as ComfyUI does for its own
// Save nodes: %date:yyyy-MM-dd%, and %Node.widget% with a node's name or title.

import { app } from "../../scripts/app.js";
import { rootGraph } from "./graph.js";

const WIDGET = "filename_prefix";
const ILLEGAL = /[?<>\\:*|"\x00-\x1f\x7f]/g; // invalid in names on some system; "/" makes folders

function everyNode(graph) {
  return (graph?.nodes ?? []).flatMap((node) => [node, ...everyNode(node.subgraph)]);
}

function dateAs(format, now) {
  const parts = {
    yyyy: now.getFullYear(),
    yy: now.getFullYear() % 100,
    M: now.getMonth() + 1,
    d: now.getDate(),
    h: now.getHours(),
    m: now.getMinutes(),
    s: now.getSeconds(),
  };
  const fill = (match) => String(parts[match] ?? parts[match[0]]).padStart(match.length, "0");
  return format.replace(/yyyy|yy|MM?|dd?|hh?|mm?|ss?/g, fill).replace(ILLEGAL, "_");
}

function widgetValue(name) {
  const [title, widgetName, ...rest] = name.split(".");
  if (!widgetName || rest.length) return null;
  const nodes = everyNode(rootGraph());
  const found =
    nodes.find((node) => node.properties?.["Node name for S&R"] === title) ??
    nodes.find((node) => node.title === title);
  const widget = found?.widgets?.find(({ name }) => name === widgetName);
  return widget ? String(widget.value ?? "").replace(/\//g, "_").replace(ILLEGAL, "_") : null;
}

// Unknown patterns are kept: the server replaces %year% etc. and refuses the others.
function filled(prefix) {
  const now = new Date();
  return prefix.replace(/%([^%]+)%/g, (match, text) =>
    text.startsWith("date:") ? dateAs(text.slice(5), now) : (widgetValue(text) ?? match),
  );
}

app.registerExtension({
  name: "SoundReactor.Prefix",

  nodeCreated(node) {
    if (!node.comfyClass?.startsWith("SoundReactor")) return;
    const widget = node.widgets?.find(({ name }) => name === WIDGET);
    if (widget) widget.serializeValue = () => filled(String(widget.value));
  },
});
