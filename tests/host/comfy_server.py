"""A ComfyUI server of our own: started in an empty folder, asked over the loopback, removed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# A new user is shown the template browser, and front end 1.27 throws while it derives the mouse
# settings from the navigation mode; with these values it does neither.
USER_SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.Canvas.NavigationMode": "legacy",
    "Comfy.Canvas.LeftMouseClickBehavior": "panning",
    "Comfy.Canvas.MouseWheelScroll": "zoom",
}
PROBE = Path(__file__).parent / "import_probe.py"
PROBE_NAME = "import_probe"


class HostError(RuntimeError):
    """The host did not start, or a custom node failed to import."""


def stop(process: subprocess.Popen, seconds: float = 10.0) -> None:
    """End a process that leads a session of its own, and what it started."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


class Server:
    """The process, its folder and its log.

    COMFYUI_PATH names the checkout (the folder with main.py), COMFYUI_PYTHON the interpreter that
    has its requirements (default: this one).
    """

    def __init__(
        self,
        nodes: Iterable[str | Path] = (),
        *,
        inputs: Iterable[str | Path] = (),
        args: Iterable[str] = (),
        settings: Mapping[str, Any] | None = None,
        probe: bool = False,
        keep: bool = False,
        seconds: float = 300.0,
    ):
        self.comfy = Path(os.environ.get("COMFYUI_PATH") or "").resolve()
        if not os.environ.get("COMFYUI_PATH") or not (self.comfy / "main.py").is_file():
            raise HostError("set COMFYUI_PATH to a ComfyUI checkout (the folder with main.py)")
        # A virtual environment's interpreter is a link: not to be resolved.
        self.python = os.environ.get("COMFYUI_PYTHON") or sys.executable
        self.nodes = {Path(node).resolve().name: Path(node).resolve() for node in nodes}
        self.inputs, self.args, self.probe, self.keep = inputs, list(args), probe, keep
        self.settings = {**USER_SETTINGS, **(settings or {})}
        self.seconds, self.log_lines = seconds, []
        self.base = self.process = None

    def __enter__(self):
        self.base = Path(tempfile.mkdtemp(prefix="comfy_host_"))
        try:
            self._lay_out()
            self._launch()
            self._wait()
            self._check_imports()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            stop(self.process)
            self._reader.join(5)
        if self.base is not None and not self.keep:
            shutil.rmtree(self.base, ignore_errors=True)

    def _lay_out(self) -> None:
        for name in ("custom_nodes", "input", "output", "temp", "models", "user/default"):
            (self.base / name).mkdir(parents=True)
        for name, path in self.nodes.items():
            (self.base / "custom_nodes" / name).symlink_to(path)
        for item in map(Path, self.inputs):
            shutil.copy(item, self.base / "input" / item.name)
        settings = self.base / "user" / "default" / "comfy.settings.json"
        settings.write_text(json.dumps(self.settings), encoding="utf-8")
        if self.probe:
            folder = self.base / "custom_nodes" / PROBE_NAME
            folder.mkdir()
            shutil.copy(PROBE, folder / "prestartup_script.py")
            (folder / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n")

    def _launch(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        folders = ["--base-directory", self.base, "--temp-directory", self.base]
        place = ["--listen", "127.0.0.1", "--port", self.port, "--disable-auto-launch", "--cpu"]
        command = [self.python, self.comfy / "main.py", *place, *folders, *self.args]
        if "--database-url" in (self.comfy / "comfy" / "cli_args.py").read_text(encoding="utf-8"):
            command += ["--database-url", "sqlite:///:memory:"]
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            list(map(str, command)),
            cwd=self.base,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def _environment(self) -> dict[str, str]:
        env = {"HF_HUB_OFFLINE": "1", **os.environ, "PYTHONUNBUFFERED": "1"}
        # Byte code goes to a cache of ours: a warm start is three times faster, and no __pycache__
        # appears in the checkout or in the package.
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        env.setdefault("PYTHONPYCACHEPREFIX", str(cache / "comfy_host" / "pycache"))
        if self.probe:
            env["IMPORT_PROBE_OUT"] = str(self.base / "probe.json")
            targets = {name: str(path / "__init__.py") for name, path in self.nodes.items()}
            env["IMPORT_PROBE_TARGETS"] = json.dumps(targets)
        return env

    def _read_log(self) -> None:
        for line in self.process.stdout:
            self.log_lines.append(line.rstrip("\n"))

    def _wait(self) -> None:
        while True:
            if self.process.poll() is not None:
                self._reader.join(5)
                raise HostError(f"the host ended with {self.process.returncode}\n{self.log()}")
            with contextlib.suppress(OSError):
                self.get("/system_stats", seconds=5)
                break
            if time.monotonic() - self.started > self.seconds:
                raise HostError(f"the host was not ready in {self.seconds:.0f} s\n{self.log()}")
            time.sleep(0.1)
        self.boot_seconds = time.monotonic() - self.started

    def _check_imports(self) -> None:
        ends = tuple(f"custom_nodes{os.sep}{name}" for name in self.nodes)
        failed = [line for line in self.log_lines if "FAILED)" in line and line.endswith(ends)]
        if failed:
            raise HostError("custom node failed to import\n--- host log ---\n" + self.log())

    def log(self, last: int = 0) -> str:
        return "\n".join(self.log_lines[-last:])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, path: str, data: Any = None, seconds: float = 60.0) -> bytes:
        body = None if data is None else json.dumps(data).encode()
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(self.url + path, body, headers)
        with urllib.request.urlopen(asked, timeout=seconds) as answer:
            return answer.read()

    def get(self, path: str, seconds: float = 60.0) -> Any:
        return json.loads(self.request(path, seconds=seconds))

    def own_nodes(self) -> dict[str, Any]:
        """object_info of the nodes that the given folders registered."""
        own = {f"custom_nodes.{name}" for name in self.nodes}
        every = self.get("/object_info")
        return {k: v for k, v in every.items() if v.get("python_module") in own}

    def probed(self) -> dict[str, Any]:
        """By folder: seconds of its import, and modules that came with it."""
        return json.loads((self.base / "probe.json").read_text(encoding="utf-8"))

    def max_rss_mb(self) -> float | None:
        """The process's largest size so far, where the system tells."""
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            return round(int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024, 1)
        return None
