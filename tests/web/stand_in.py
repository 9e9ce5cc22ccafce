"""A host that a page can be tried on: the extension's files, stubs of the front end's, a sound.

The sound of a file is a tone, 440 Hz in its first half and 880 Hz in the second, at any length:
what is asked for is made when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlparse

import numpy as np

HERE = Path(__file__).parent
WEB = HERE.parents[1] / "web"
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css"}
RATE, CHANNELS, HEADER, BYTES = 48000, 2, 128, 4
LOW, HIGH = 440, 880  # Hz


class Host(ThreadingHTTPServer):
    """`made` and `samples` of each sound, by its file name; what is not there is 404."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.sounds: dict[str, list[int]] = {}
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlparse(self.path)
        if url.path == "/view":
            return self._sound(parse_qs(url.query)["filename"][0])
        if url.path == "/favicon.ico":
            return self._answer(204, "image/x-icon", b"")
        file = self._file(url.path)
        if not file.is_file():
            return self._answer(404, "text/plain", b"")
        self._answer(200, TYPES.get(file.suffix, "text/html"), file.read_bytes())

    def _file(self, path: str) -> Path:
        if path.startswith("/extensions/soundreactor/"):
            return WEB / path.removeprefix("/extensions/soundreactor/")
        return HERE / "page" / path.lstrip("/")

    def _sound(self, name: str) -> None:
        self.server.asked.append(name)
        if name not in self.server.sounds:
            return self._answer(404, "text/plain", b"")
        made, samples = self.server.sounds[name]
        size = HEADER + made * CHANNELS * BYTES
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())
        last = min(last, size - 1)
        if first > last:
            return self._answer(416, "text/plain", b"")
        data = bytes(1) if last < HEADER else self._tone(first, last, samples)
        self._answer(206, "audio/wav", data, {"Content-Range": f"bytes {first}-{last}/{size}"})

    def _tone(self, first: int, last: int, samples: int) -> bytes:
        frame = CHANNELS * BYTES
        n = np.arange((first - HEADER) // frame, (last + 1 - HEADER) // frame)
        tone = 0.5 * np.sin(2 * np.pi * np.where(n < samples / 2, LOW, HIGH) * n / RATE)
        return np.repeat(tone[:, None], CHANNELS, axis=1).astype("<f4").tobytes()

    def _answer(self, code: int, kind: str, data: bytes, headers: dict | None = None) -> None:
        self.send_response(code)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": len(data),
            **(headers or {}),
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_) -> None:
        pass


@contextmanager
def running() -> Iterator[Host]:
    host = Host()
    Thread(target=host.serve_forever, daemon=True).start()
    try:
        yield host
    finally:
        host.shutdown()
        host.server_close()
