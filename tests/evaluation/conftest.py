"""Sounds whose figures are known beforehand, and small clips that carry them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from sr_core.io.read.frames import frames_from_images
from sr_core.io.write.mux import mux

RATE = 48_000


def bursts(times: list[float], seconds: float, sides: list[float] | None = None) -> Tensor:
    """Decaying noise at each time (2 s), on the left (-1), in the middle (0) or right (1)."""
    generator = torch.Generator().manual_seed(7)
    waveform = 1e-3 * torch.randn(2, round(seconds * RATE), generator=generator)
    decay = torch.exp(-torch.arange(RATE // 5) / (RATE * 0.03))
    for n, time in enumerate(times):
        side = sides[n] if sides else 0.0
        gains = torch.tensor([[min(1.0, 1 - side)], [min(1.0, 1 + side)]])
        start = round(time * RATE)
        burst = 0.4 * torch.randn(len(decay), generator=generator) * decay
        waveform[:, start : start + len(decay)] += (gains * burst)[:, : waveform.shape[1] - start]
    return waveform.clamp(-1, 1)


@pytest.fixture
def write_clip(tmp_path) -> Callable[..., Path]:
    """Write a clip, and its event log where events are given."""

    def write(name: str, waveform: Tensor, events: list[dict] | None = None, **more) -> Path:
        frames = round(waveform.shape[-1] / RATE * 30)
        images = torch.rand(frames, 28, 56, 3, generator=torch.Generator().manual_seed(0))
        path = mux(frames_from_images(images, 30), waveform, tmp_path / f"{name}.mkv")
        if events is not None:
            log = {"events": events, **more}
            path.with_suffix(".json").write_text(json.dumps(log), encoding="utf-8")
        return path

    return write


@pytest.fixture
def write_silent(tmp_path) -> Callable[[str, int], Path]:
    """Write a clip without any sound track."""

    def write(name: str, frames: int) -> Path:
        path = tmp_path / f"{name}.mkv"
        with av.open(str(path), "w") as output:
            stream = output.add_stream("libx264", rate=30)
            stream.width, stream.height, stream.pix_fmt = 56, 28, "yuv420p"
            for n in range(frames):
                picture = np.full((28, 56, 3), 8 * n % 256, np.uint8)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            output.mux(stream.encode(None))
        return path

    return write
