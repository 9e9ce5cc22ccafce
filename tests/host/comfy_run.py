"""One run of a prompt, followed on the host's web socket to its end."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from comfy_server import Server
from comfy_socket import Socket

CORE_EVENTS = {
    *("status", "execution_start", "execution_cached", "executing", "executed", "progress"),
    *("progress_state", "execution_success", "execution_error", "execution_interrupted"),
    *("feature_flags", "notification", "logs"),
}
ENDS = {
    "execution_success": "success",
    "execution_error": "error",
    "execution_interrupted": "interrupted",
}


class Host(Server):
    """A server that runs prompts."""

    def run(
        self,
        prompt: dict,
        *,
        workflow: dict | None = None,
        seconds: float = 600.0,
        out: str | Path | None = None,
        interrupt_after: float | None = None,
    ) -> dict[str, Any]:
        """What happened to a prompt: status, errors, times, events, and files fetched to `out`."""
        client = uuid.uuid4().hex
        page = Socket(f"ws://127.0.0.1:{self.port}/ws?clientId={client}")
        try:
            # As the front end does; without it previews come as the older event type.
            flags = {"supports_preview_metadata": True}
            page.send(json.dumps({"type": "feature_flags", "data": flags}))
            run = Run(self, page)
            run.queue(prompt, client, workflow)
            run.follow(seconds, interrupt_after)
            run.collect(out)
            return run.result
        finally:
            page.close()

    def download(self, outputs: dict, folder: Path) -> list[str]:
        """The files that these outputs name, each as NODE_NAME."""
        folder.mkdir(parents=True, exist_ok=True)
        saved = []
        for number, output in outputs.items():
            lists = (items for items in output.values() if isinstance(items, list))
            named = (i for items in lists for i in items if isinstance(i, dict) and "filename" in i)
            for item in named:
                query = {key: item.get(key, "") for key in ("filename", "subfolder", "type")}
                target = folder / f"{number}_{Path(item['filename']).name}"
                target.write_bytes(self.request(f"/view?{urllib.parse.urlencode(query)}"))
                saved.append(str(target))
        return saved


class Run:
    """A queued prompt and what the host has said of it."""

    def __init__(self, host: Host, page: Socket):
        self.host, self.page, self.started = host, page, time.monotonic()
        self.id = self.current = self.since = None
        self.refused: dict = {}  # errors of outputs that the host left out
        self.result: dict[str, Any] = {
            **{"status": "timeout", "node_seconds": {}, "cached": [], "errors": {}, "progress": {}},
            **{"binary": Counter(), "events": Counter(), "custom_events": [], "files": []},
        }

    def queue(self, prompt: dict, client: str, workflow: dict | None) -> None:
        extra = {} if workflow is None else {"extra_pnginfo": {"workflow": workflow}}
        body = {"prompt": prompt, "client_id": client, "extra_data": extra}
        try:
            answer = json.loads(self.host.request("/prompt", body))
        except urllib.error.HTTPError as error:
            answer = json.loads(error.read() or b"{}")
            self.result.update(status="rejected", rejected=answer.get("error"))
            self.result["errors"] = answer.get("node_errors", {})
            return
        self.id, self.refused = answer["prompt_id"], answer.get("node_errors") or {}

    def follow(self, seconds: float, interrupt_after: float | None) -> None:
        result = self.result
        while self.id and self.elapsed() < seconds and result["status"] == "timeout":
            if interrupt_after is not None and self.elapsed() > interrupt_after:
                self.host.request("/interrupt", {})
                interrupt_after, result["interrupted_at"] = None, round(self.elapsed(), 3)
            message = self.page.receive(0.2)
            if isinstance(message, bytes):
                result["binary"][int.from_bytes(message[:4], "big")] += 1
            elif message is not None:
                self._hear(**json.loads(message))
            elif self.host.process.poll() is not None:
                result.update(status="host died", log=self.host.log(60))
        # The host runs the outputs that validate and leaves out the others, saying so once.
        result["errors"].update(self.refused)
        if self.refused and result["status"] == "success":
            result["status"] = "partial"
        result["seconds"] = round(self.elapsed(), 4)

    def elapsed(self) -> float:
        return time.monotonic() - self.started

    def _hear(self, type: str, data: dict | None = None) -> None:
        data, result = data or {}, self.result
        if data.get("prompt_id", self.id) != self.id:
            return
        result["events"][type] += 1
        if type not in CORE_EVENTS:
            at = round(self.elapsed(), 3)
            result["custom_events"].append({"type": type, "at": at, "data": data})
        elif type == "execution_cached":
            result["cached"] = sorted(data.get("nodes", []))
        elif type == "progress":
            node = result["progress"].setdefault(str(data.get("node")), {"updates": 0})
            node.update(updates=node["updates"] + 1, value=data["value"], max=data["max"])
        elif type == "executing" or type in ENDS:
            self._clock(data.get("node"))
        if type == "execution_error":
            keys = ("node_type", "exception_type", "exception_message", "traceback")
            result["errors"][str(data.get("node_id"))] = {key: data.get(key) for key in keys}
        if type in ENDS:
            result["status"] = ENDS[type]

    def _clock(self, node: str | None) -> None:
        """The node before this one has ended."""
        now, spent = time.monotonic(), self.result["node_seconds"]
        if self.current is not None:
            spent[self.current] = round(spent.get(self.current, 0.0) + now - self.since, 4)
        self.current, self.since = node, now

    def collect(self, out: str | Path | None) -> None:
        """Read the outputs from the history, which is written just after the closing message."""
        self.result["max_rss_mb"] = self.host.max_rss_mb()
        for _ in range(50 if self.id and self.host.process.poll() is None else 0):
            entry = self.host.get(f"/history/{self.id}").get(self.id)
            if entry or self.result["status"] == "timeout":
                self.result["outputs"] = (entry or {}).get("outputs", {})
                break
            time.sleep(0.05)
        if out and self.result.get("outputs"):
            self.result["files"] = self.host.download(self.result["outputs"], Path(out))
