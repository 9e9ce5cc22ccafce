"""Workflows as the front end saves them, as the prompts that a host runs."""

from __future__ import annotations

from typing import Any

WIDGET_TYPES = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
FRONTEND_WIDGETS = {
    *("IMAGEUPLOAD", "AUDIOUPLOAD", "AUDIO_UI", "AUDIO_RECORD", "MARKDOWN", "WEBCAM", "LOAD_3D"),
    *("LOAD_3D_ANIMATION", "PREVIEW_3D", "COLOR", "CHART", "IMAGECOMPARE"),
}
# The front end appends an audio player to these nodes' required inputs.
AUDIO_UI_NODES = {"LoadAudio", "SaveAudio", "PreviewAudio", "SaveAudioMP3", "SaveAudioOpus"}
VIRTUAL = {"Note", "MarkdownNote", "PrimitiveNode", "Reroute"}
MUTED, BYPASSED = 2, 4


def is_workflow(graph: dict) -> bool:
    """Whether this is what the front end saves, and not what it sends to the host."""
    return isinstance(graph.get("nodes"), list)


def node_types(graph: dict) -> set[str]:
    """The types that a host must know to run the graph, in either format."""
    if not is_workflow(graph):
        return {node["class_type"] for node in graph.values()}
    graphs = [graph, *((graph.get("definitions") or {}).get("subgraphs") or ())]
    own = {part.get("id") for part in graphs}
    return {node["type"] for part in graphs for node in part["nodes"]} - VIRTUAL - own


def widgets(node_type: str, info: dict) -> list[tuple[str | None, Any]]:
    """Name and default of a node's widgets in the order of `widgets_values`.

    One that is no input of the node has the name None.
    """
    found: list[tuple[str | None, Any]] = []
    order = info.get("input_order") or {k: list(v) for k, v in info["input"].items()}
    for group in ("required", "optional"):
        for name in order.get(group, ()):
            found += _widget(name, info["input"][group][name])
        if group == "required" and node_type in AUDIO_UI_NODES:
            found.append((None, None))
    return found


def _widget(name: str, spec: list) -> list[tuple[str | None, Any]]:
    options = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
    kind = options.get("widgetType") or spec[0]
    listed = isinstance(kind, list)
    if options.get("forceInput") or not (listed or kind in WIDGET_TYPES | FRONTEND_WIDGETS):
        return []
    choices = kind if listed else options.get("options") or [None]
    default = options.get("default", choices[0] if choices else None)
    inert = not listed and kind in FRONTEND_WIDGETS and kind != "COLOR"
    control = options.get("control_after_generate", kind == "INT" and name in ("seed",))
    return [(None if inert else name, default), *([(None, None)] if control else [])]


class Workflow:
    """A saved workflow without subgraphs and dynamic inputs: only the front end knows those."""

    def __init__(self, saved: dict):
        if (saved.get("definitions") or {}).get("subgraphs"):
            raise ValueError("got a workflow with subgraphs; expected none; use --convert browser")
        self.nodes = {node["id"]: node for node in saved["nodes"]}
        self.links = {number: (node, slot) for number, node, slot, *_ in saved["links"]}

    def prompt(self, object_info: dict) -> dict:
        """The prompt of a host that has these nodes."""
        skipped = (MUTED, BYPASSED)
        made = {}
        for number, node in self.nodes.items():
            if node["type"] in VIRTUAL or node.get("mode") in skipped:
                continue
            inputs = self._typed(node, object_info[node["type"]]) | self._linked(node)
            made[str(number)] = {"inputs": inputs, "class_type": node["type"]}
        return made

    def _typed(self, node: dict, info: dict) -> dict:
        values, inputs = node.get("widgets_values") or [], {}
        if isinstance(values, dict):
            return values
        for index, (name, default) in enumerate(widgets(node["type"], info)):
            value = values[index] if index < len(values) else default
            if name is not None and value is not None:
                inputs[name] = {"__value__": value} if isinstance(value, list) else value
        return inputs

    def _linked(self, node: dict) -> dict:
        found = {slot["name"]: self.source(slot.get("link")) for slot in node.get("inputs") or ()}
        return {name: source for name, source in found.items() if source is not None}

    def source(self, link: int | None) -> Any:
        """[node, slot] that feeds a link, or the value of a primitive; None for nothing.

        What is muted gives nothing; what is bypassed gives its input of the same type.
        """
        while link in self.links:
            number, slot = self.links[link]
            node = self.nodes[number]
            inputs = node.get("inputs") or []
            if node["type"] == "PrimitiveNode":
                return node["widgets_values"][0]
            if node["type"] == "Reroute":
                link = inputs[0].get("link")
            elif node.get("mode") == BYPASSED:
                link = _bypass(inputs, node["outputs"][slot]["type"], slot)
            else:
                return None if node.get("mode") == MUTED else [str(number), slot]
        return None


def _bypass(inputs: list[dict], kind: str, slot: int) -> int | None:
    candidates = [*inputs[slot : slot + 1], *inputs]
    fitting = (i for i in candidates if i.get("type") == kind and not i.get("widget"))
    return next((i.get("link") for i in fitting), None)
