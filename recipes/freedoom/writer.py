"""A clip's file: H.264 pictures and lossless sound, written while it is played."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, TracebackType

import av
import numpy as np

from .engine import FRAME_RATE, FRAME_SAMPLES, RENDERED, SAMPLE_RATE

STORED = (RENDERED[0] // 2, RENDERED[1] // 2)  # width, height: 200 x 150
# bf 0: no pictures out of order, so that the file starts at time 0; a key frame each second.
PICTURE = {"crf": "18", "preset": "veryfast", "bf": "0", "g": str(FRAME_RATE), "threads": "1"}


def shrink(picture: np.ndarray) -> np.ndarray:  # (h w 3) uint8 -> (h/2 w/2 3) uint8
    """Each stored pixel is the mean of four rendered ones, which smooths all edges."""
    rows = picture[::2].astype(np.uint16) + picture[1::2]
    return ((rows[:, ::2] + rows[:, 1::2] + 2) >> 2).astype(np.uint8)


class ClipWriter:
    """Writes one MP4 file, frame by frame; use it in a `with` block.

    `picture`: options of the encoder that differ from PICTURE.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int] = STORED,
        picture: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        self.video = self.container.add_stream(
            "libx264", rate=FRAME_RATE, options={**PICTURE, **picture}
        )
        self.video.width, self.video.height = size
        self.video.pix_fmt = "yuv420p"
        self.video.codec_context.thread_count = 1  # the file must not depend on the machine
        self.audio = self.container.add_stream("flac", rate=SAMPLE_RATE, layout="stereo")
        self.audio.format = "s16"
        self.frames = 0

    def add(self, picture: np.ndarray, sound: np.ndarray) -> None:
        """One frame: picture (height width 3) uint8, its sound (1600 2) int16."""
        image = av.VideoFrame.from_ndarray(picture, format="rgb24")
        image.pts, image.time_base = self.frames, Fraction(1, FRAME_RATE)
        self.container.mux(self.video.encode(image))
        block = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="s16", layout="stereo")
        block.sample_rate, block.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        block.pts = self.frames * FRAME_SAMPLES
        self.container.mux(self.audio.encode(block))
        self.frames += 1

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.container.mux(self.video.encode())
            self.container.mux(self.audio.encode())
        self.container.close()
