"""The player on the Live node: its events, and the growing file that it reads."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..sr_core.audio.oobleck import OobleckConfig
from ..sr_core.audio.signal import Meter
from ..sr_core.audio.spectral import SpectralConfig
from ..sr_core.io.live.growing_wav import HEADER, GrowingWav
from ..sr_core.io.read.frames import Frames
from . import host, page

EVENT = "soundreactor.live"
INTERVAL = 0.1  # seconds between two events
KEPT = 16  # recordings, so that tabs that were closed do not fill the disk

# The last recording of every node that a browser tab has run, so that it can be played after the
# host has forgotten the node's output, or when it was cut short and there is no output.
_latest: dict[tuple[str | None, str], GrowingWav] = {}


class Player:
    """One run of one node; as a context it ends well, or is cut short by an exception.

    The page is told how much there is, at most ten times a second, and fetches it by itself: so
    nothing waits in a queue, however slow the page is.
    """

    def __init__(
        self, audio: OobleckConfig | SpectralConfig, clip: Frames, hidden: io.HiddenHolder
    ):
        rate, channels = audio.sample_rate, audio.audio_channels
        path, self.saved = host.temporary_file("soundreactor_live", "wav")
        self.recording = GrowingWav(path, rate, clip.samples(rate), channels)
        self.meter, self.hidden = Meter(), hidden
        self.started, self.told = time.monotonic(), 0.0
        self._keep()

    @property
    def node_id(self) -> str:
        return self.hidden.unique_id

    def __enter__(self) -> Player:
        self._tell("running")
        return self

    def add(self, waveform: Tensor) -> None:  # (1 c s)
        """Record a piece; raises ValueError where it is not finite."""
        self.meter.add(waveform)
        self.recording.add(waveform[0])
        if time.monotonic() - self.told > INTERVAL:
            self._tell("running")

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.recording.close()
        self._tell("done" if error is None else "stopped")
        if error is None:
            for complaint in self.meter.complaints():
                page.warn(complaint, self.node_id)
        elif self.recording.made:
            logging.warning(
                "SoundReactor: stopped; the first %.2f s of sound are kept in %s until this node "
                "runs again or the host is closed",
                self.recording.made / self.recording.rate,
                self.recording.path,
            )

    def audio(self) -> dict[str, Any]:
        """Core's AUDIO of the whole sound, mapped into memory."""
        return {"waveform": self.recording.waveform(), "sample_rate": self.recording.rate}

    def ui(self) -> dict[str, list[dict[str, Any]]]:
        """What the node shows when its output comes from the host's cache."""
        return {"soundreactor_live": [self._report("done")]}

    def _keep(self) -> None:
        key = (page.client_id(), self.node_id)
        _latest.pop(key, None)
        _latest[key] = self.recording
        while len(_latest) > KEPT:
            del _latest[next(iter(_latest))]

    def _tell(self, status: str) -> None:
        self.told = time.monotonic()
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
