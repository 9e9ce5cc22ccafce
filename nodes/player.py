"""Server side of the Live node's player: its events and the growing WAV file that it plays."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..sr_core.audio.signal import Meter
from ..sr_core.audio.vae import CodecConfig
from ..sr_core.io.live.growing_wav import HEADER, GrowingWav
from ..sr_core.io.read.frames import Frames
from . import host, page

EVENT = "soundreactor.live"
INTERVAL = 0.1  # seconds between two events, at least
KEPT = 16  # number of recordings, limited so that closed tabs do not fill the disk

# The last recording by (browser tab, node). It keeps a sound playable after ComfyUI has dropped the
# node's output, or if the run was cancelled and has no output.
_latest: dict[tuple[str | None, str], GrowingWav] = {}


class Player:
    """Recording of one run of one node; a context manager that reports success or an exception.

    Events contain only the number of samples, at most ten times per second; the page fetches the
    samples itself. So no queue can grow if the page is slow.
    """

    def __init__(self, audio: CodecConfig, clip: Frames, hidden: io.HiddenHolder):
        rate, channels = audio.sample_rate, audio.audio_channels
        path, self.saved = host.temporary_file("soundreactor_live", "wav")
        self.recording = GrowingWav(path, rate, clip.samples(rate), channels)
        self.meter, self.hidden = Meter(), hidden
        self.started, self.sent = time.monotonic(), 0.0
        self._keep()

    @property
    def node_id(self) -> str:
        return self.hidden.unique_id

    def __enter__(self) -> Player:
        self._send("running")
        return self

    def add(self, waveform: Tensor) -> None:  # (1 c s)
        """Record a piece; raises ValueError for NaN or infinity."""
        self.meter.add(waveform)
        self.recording.add(waveform[0])
        if time.monotonic() - self.sent > INTERVAL:
            self._send("running")

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.recording.close()
        self._send("done" if error is None else "stopped")
        if error is None:
            for message in self.meter.complaints():
                page.warn(message, self.node_id)
        elif self.recording.made:
            logging.warning(
                "SoundReactor: stopped; the first %.2f s of sound are kept in %s until this node "
                "runs again or ComfyUI is closed",
                self.recording.made / self.recording.rate,
                self.recording.path,
            )

    def audio(self) -> dict[str, Any]:
        """ComfyUI's AUDIO of the whole sound, a memory map of the file."""
        return {"waveform": self.recording.waveform(), "sample_rate": self.recording.rate}

    def ui(self) -> dict[str, list[dict[str, Any]]]:
        """UI data of the node, also used if its output comes from ComfyUI's cache."""
        return {"soundreactor_live": [self._report("done")]}

    def _keep(self) -> None:
        key = (page.client_id(), self.node_id)
        _latest.pop(key, None)
        _latest[key] = self.recording
        while len(_latest) > KEPT:
            del _latest[next(iter(_latest))]

    def _send(self, status: str) -> None:
        self.sent = time.monotonic()
        page.tell(EVENT, self._report(status))

    def _report(self, status: str) -> dict[str, Any]:
        recording = self.recording
        return {
            "node": self.node_id,
            "graph": page.graph_id(self.hidden.extra_pnginfo),
            "status": status,
            "file": dict(self.saved),
            "header": HEADER,
            "channels": recording.channels,
            "rate": recording.rate,
            "samples": recording.samples,
            "made": recording.made,
            "seconds": time.monotonic() - self.started,
        }
