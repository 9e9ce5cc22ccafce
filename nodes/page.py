"""Events from the server to the browser tab of a run, and the identification of tab and graph."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from server import PromptServer

WARNING = "soundreactor.warning"  # name of the event


def warn(message: str, node_id: str) -> None:
    """Log a warning and show it on the node until it runs again (web/warnings.js)."""
    logging.warning("SoundReactor: %s", message)
    _send_warning(node_id, message)


def teller(node_id: str) -> Callable[[str], None]:
    """A function that shows a warning on that node."""
    return lambda text: warn(text, node_id)


def forget_warnings(node_id: str) -> None:
    """Remove the warnings of the node's last run, since it runs again."""
    _send_warning(node_id, None)


def _send_warning(node_id: str, text: str | None) -> None:
    tell(WARNING, {"node": node_id, "graph": _running_graph(), "text": text})


def _running_graph() -> str | None:
    """The id of the running graph; None if unknown."""
    for _, _, _, extra, *_ in list(PromptServer.instance.prompt_queue.currently_running.values()):
        return graph_id(extra.get("extra_pnginfo"))
    return None


def tell(event: str, data: Mapping[str, Any]) -> None:
    """Send an event to the browser tab that queued this run only."""
    if client_id() is not None:
        PromptServer.instance.send_sync(event, data, client_id())


def client_id() -> str | None:
    """The id of the browser tab or other client that queued this run; None if unknown."""
    return PromptServer.instance.client_id


def graph_id(extra_pnginfo: Mapping[str, Any] | None) -> str | None:
    """The id of the graph, among those open in a tab, to which the run belongs; None if unknown."""
    return ((extra_pnginfo or {}).get("workflow") or {}).get("id")
