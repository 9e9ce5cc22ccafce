"""What the server says to a browser tab while a graph runs, and which tab and graph that is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from server import PromptServer

WARNING = "soundreactor.warning"  # the event


def warn(message: str, node_id: str) -> None:
    """Say something in the log, and in full on the node until it runs again: web/warnings.js."""
    logging.warning("SoundReactor: %s", message)
    _tell_node(node_id, message)


def teller(node_id: str) -> Callable[[str], None]:
    """A function that warns on that node."""
    return lambda text: warn(text, node_id)


def forget_warnings(node_id: str) -> None:
    """Take from the node what its last run said: it runs again."""
    _tell_node(node_id, None)


def _tell_node(node_id: str, text: str | None) -> None:
    tell(WARNING, {"node": node_id, "graph": _running_graph(), "text": text})


def _running_graph() -> str | None:
    """Which of the graphs that are open in a tab is being run, where that is known."""
    for _, _, _, extra, *_ in list(PromptServer.instance.prompt_queue.currently_running.values()):
        return graph_id(extra.get("extra_pnginfo"))
    return None


def tell(event: str, data: Mapping[str, Any]) -> None:
    """Send an event to the browser tab that queued this run, and to no other."""
    if client_id() is not None:
        PromptServer.instance.send_sync(event, data, client_id())


def client_id() -> str | None:
    """The browser tab, or other client, that queued this run; None if it did not say."""
    return PromptServer.instance.client_id


def graph_id(extra_pnginfo: Mapping[str, Any] | None) -> str | None:
    """Which of the graphs that are open in a tab this run came from, where that is known."""
    return ((extra_pnginfo or {}).get("workflow") or {}).get("id")
