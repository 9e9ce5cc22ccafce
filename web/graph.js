// Finds nodes by the ids that the server uses.

import { app } from "../../scripts/app.js";

export const rootGraph = () => app.rootGraph ?? app.graph;

// The id of a node inside a subgraph is "outer:inner".
export function findNode(id, type) {
  let graph = rootGraph();
  let node = null;
  for (const part of String(id).split(":")) {
    node = graph?.getNodeById(part);
    graph = node?.subgraph;
  }
  return !type || node?.comfyClass === type ? node : null;
}
