// What the extension uses of the front end's: extensions, the graph, the graph that is shown.
const extensions = [];
const graph = { id: "graph", nodes: [], getNodeById: (id) => graph.nodes.find((n) => String(n.id) === String(id)) };

export const app = (window.app = {
  extensions,
  graph,
  canvas: { graph },
  registerExtension(extension) {
    extensions.push(extension);
    extension.setup?.();
  },
});
