"""The host's real front end in headless Chromium, over the DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from comfy_graph import is_workflow
from comfy_run import Host
from comfy_server import HostError, stop
from comfy_socket import Socket

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --hide-scrollbars "
    "--mute-audio --disable-dev-shm-usage --autoplay-policy=no-user-gesture-required "
    "--remote-debugging-port=0 --remote-allow-origins=*"
).split()
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Files that a fresh user of any host does not have, and what front end 1.49 says with no package.
HARMLESS = re.compile(r"^/(user\.css|favicon\.ico|api/userdata[/?])")
SAID_ANYWAY = "ComfyApp graph accessed before initialization"
READY = (
    "!!(window.app && app.canvas?.graph && window.LiteGraph && app.extensionManager"
    " && Object.keys(LiteGraph.registered_node_types).length > 50)"
)


def find_chromium() -> str | None:
    """The binary that CHROMIUM names, or one on the PATH."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page; `console` has what it complained of."""

    def __init__(self, host: Host, size: tuple[int, int] = (1600, 900), seconds: float = 180.0):
        self.host, self.size, self.seconds = host, size, seconds
        self.console: list[dict[str, Any]] = []
        self._count = 0
        self.profile = self.process = self.socket = None

    def __enter__(self):
        binary = find_chromium()
        if binary is None:
            raise HostError("no Chromium found: install one, or set CHROMIUM")
        self.profile = Path(tempfile.mkdtemp(prefix="comfy_page_"))
        own = [f"--user-data-dir={self.profile}", "--window-size={},{}".format(*self.size)]
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        try:
            command = [binary, *FLAGS, *own, "about:blank"]
            self.process = subprocess.Popen(command, start_new_session=True, **quiet)
            self._connect()
            self.open()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.close()
        if self.process is not None:
            stop(self.process)
        if self.profile is not None:
            shutil.rmtree(self.profile, ignore_errors=True)

    def _connect(self) -> None:
        file, deadline = self.profile / "DevToolsActivePort", time.monotonic() + 60
        target = None
        while target is None:
            with contextlib.suppress(OSError, StopIteration, IndexError):
                port = file.read_text().split()[0]
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
                    pages = (t for t in json.load(answer) if t["type"] == "page")
                    target = next(pages)["webSocketDebuggerUrl"]
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise HostError("Chromium did not start")
            time.sleep(0.05)
        self.socket = Socket(target)
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        size = {"width": self.size[0], "height": self.size[1]}
        self.call("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False)

    def open(self) -> None:
        """Go to the host's page, or load it anew."""
        self.call("Page.navigate", url=self.host.url)
        deadline = time.monotonic() + self.seconds
        while True:
            with contextlib.suppress(HostError):
                if self.eval(READY):
                    break
            if time.monotonic() > deadline:
                raise HostError("the front end was not ready\n" + json.dumps(self.console[-20:]))
            self.pause(0.25)
        self.pause(1.0)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a DevTools command; events that arrive before it are noted."""
        self._count += 1
        number = self._count
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            text = self.socket.receive(120)
            if text is None:
                raise HostError(f"{method}: no answer in 120 s")
            message = json.loads(text)
            if message.get("id") == number:
                if "error" in message:
                    raise HostError(f"{method}: {message['error'].get('message')}")
                return message["result"]
            self._hear(message)

    def pause(self, seconds: float) -> None:
        """Wait, and keep noting events."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            text = self.socket.receive(left)
            if text is not None:
                self._hear(json.loads(text))

    def _hear(self, message: dict) -> None:
        kind, p = message.get("method"), message.get("params", {})
        if kind == "Runtime.consoleAPICalled" and p["type"] in ("error", "warning", "assert"):
            words = (a.get("value", a.get("description", a.get("type"))) for a in p["args"])
            frames = (p.get("stackTrace") or {}).get("callFrames") or [{}]
            level = "warning" if p["type"] == "warning" else "error"
            self._note(level, " ".join(map(str, words)), frames[0].get("url", ""))
        elif kind == "Runtime.exceptionThrown":
            thrown = p["exceptionDetails"]
            text = (thrown.get("exception") or {}).get("description") or thrown.get("text", "")
            self._note("exception", text, thrown.get("url", ""))
        elif kind == "Log.entryAdded" and p["entry"]["level"] in ("error", "warning"):
            self._note(p["entry"]["level"], p["entry"]["text"], p["entry"].get("url", ""))

    def _note(self, level: str, text: str, url: str) -> None:
        # What the front end asks of the outside world fails on a machine without it.
        text, url = text[:2000].replace(self.host.url, ""), url.removeprefix(self.host.url)
        outside = bool(re.match(r"https?://", url)) or "Content Security Policy" in text
        if text == SAID_ANYWAY:
            return
        entry = {"level": level, "text": text, "url": url, "outside": outside}
        same = next((c for c in self.console if entry.items() <= c.items()), None)
        if same:
            same["times"] += 1
        else:
            self.console.append({**entry, "times": 1})

    def errors(self) -> list[dict[str, Any]]:
        """Errors and exceptions, less those that any host's page has."""
        inside = (c for c in self.console if c["level"] != "warning" and not c["outside"])
        return [c for c in inside if not HARMLESS.search(c["url"])]

    def eval(self, expression: str) -> Any:
        """Value of a JavaScript expression; a promise is awaited."""
        how = {"awaitPromise": True, "returnByValue": True}
        answer = self.call("Runtime.evaluate", expression=expression, **how)
        if "exceptionDetails" in answer:
            thrown = answer["exceptionDetails"]
            what = (thrown.get("exception") or {}).get("description") or thrown.get("text")
            raise HostError(what)
        return answer["result"].get("value")

    def load(self, workflow: dict, settle: float = 1.5) -> None:
        """Open a workflow, as saved or as a prompt, and fit it into view."""
        text = json.dumps(workflow)
        call = f"loadGraphData({text})" if is_workflow(workflow) else f"loadApiJson({text}, 'it')"
        self.eval(f"(async () => {{ await app.{call}; return null }})()")
        self.pause(0.5)
        fit = "app.extensionManager.command.execute('Comfy.Canvas.FitView').then(() => null)"
        with contextlib.suppress(HostError):
            self.eval(fit)
        self.pause(settle)

    def prompt(self) -> dict[str, Any]:
        """The open workflow as the front end would queue it."""
        return self.eval("app.graphToPrompt().then(p => p.output)")

    def queue(self, seconds: float = 600.0) -> list[dict[str, Any]]:
        """Queue as the run button does and wait until the host is idle; [] if it was refused."""
        before = set(self.host.get("/history"))
        self.eval("app.queuePrompt(0, 1).then(() => null)")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.pause(0.3)
            queue = self.host.get("/queue")
            done = set(self.host.get("/history")) - before
            if not queue["queue_running"] and not queue["queue_pending"]:
                return [_outcome(self.host.get(f"/history/{d}")[d]["status"]) for d in done]
        raise HostError("the queue did not empty")

    def picture(self) -> bytes:
        """The page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def screenshot(self, path: str | Path) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(self.picture())


def _outcome(status: dict) -> dict[str, Any]:
    failed = [data for kind, data in status["messages"] if kind == "execution_error"]
    found = {"status": status["status_str"]}
    if failed:
        found |= {"node": failed[0]["node_id"], "error": failed[0]["exception_message"]}
    return found
