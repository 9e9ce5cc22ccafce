// Nodes by the names that the host has for them.

import { app } from "../../scripts/app.js";

export const rootGraph = () => app.rootGraph ?? app.graph;

// Inside subgraphs a node's name is "outer:inner".
export function findNode(id, type) {
  let graph = rootGraph();
  let node = null;
  for (const part of String(id).split(":")) {
    node = graph?.getNodeById(part);
    graph = node?.subgraph;
  }
  return !type || node?.comfyClass === type ? node : null;
}
