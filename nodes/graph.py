"""Checks of the queued graph in which a node runs."""

from __future__ import annotations

from comfy_api.latest import io

META_BATCH = "VHS_BatchManager"  # of ComfyUI-VideoHelperSuite


def refuse_batches(hidden: io.HiddenHolder, *inputs: str) -> None:
    """Raise ValueError if a Meta Batch Manager is upstream of these inputs.

    It runs the graph once per batch, and its combining node keeps the sound of the last run only.
    """
    prompt = hidden.prompt or {}
    visited, left = set(), _sources(prompt.get(hidden.unique_id), inputs)
    while left:
        number = left.pop()
        node = prompt.get(number)
        if number in visited or node is None:
            continue
        if node["class_type"] == META_BATCH:
            raise ValueError(
                f"got a clip in batches, by the Meta Batch Manager (node {number}); expected the "
                "whole clip, since its sound is generated in one run; load it as VIDEO and connect "
                "that: it is read frame by frame, at any length"
            )
        visited.add(number)
        left += _sources(node, node["inputs"])


def _sources(node: dict | None, inputs) -> list[str]:
    """The ids of the nodes that are linked to these inputs of a node."""
    values = [] if node is None else [node["inputs"].get(name) for name in inputs]
    links = (value for value in values if isinstance(value, list) and len(value) == 2)
    return [link[0] for link in links if isinstance(link[0], str)]
