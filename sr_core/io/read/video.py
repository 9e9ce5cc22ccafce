"""A video file as frames at the model's rate; every iteration decodes it from the start."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import av
import numpy as np
import torch
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from einops import rearrange
from torch import Tensor

from ...rates import FRAME_RATE
from ...spatial.projection import Projection
from .animation import AnimationFrames, open_animation
from .clock import packets_of
from .colour import FULL_RANGE, ITU601, Colour, colour_of, scaler_matrix, side_data_of
from .frames import Frames, Picture
from .scan import is_decoding_clock, scan
from .source import MediaError, Source, is_animation, name_of, open_source, picture_stream, tick_of
from .spherical import read_projection
from .timing import Timing

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideData

Matrix = tuple[int, int, int, int]  # a, b, c, d of a display matrix
HOLE = 1  # seconds without a decodable frame, at most


@dataclass(frozen=True)
class VideoInfo:
    """Properties of a file's video: size as displayed, nominal rate, times in seconds."""

    width: int
    height: int
    rate: Fraction
    start: Fraction
    duration: Fraction
    frames: int
    codec: str
    has_sound: bool
    colour: Colour
    projection: Projection | None  # None: the file states none


class VideoFrames(Frames):
    """The video of a file; `mux` copies it by `source`, `info` and `timing`."""

    def __init__(self, source: Source, rate: Fraction, info: VideoInfo, timing: Timing):
        self.source, self.rate, self.info, self.timing = source, rate, info, timing
        self.height, self.width, self.duration = info.height, info.width, info.duration
        self.clock, self.fps, self.steady = timing.clock, info.rate, timing.steady
        self.has_sound = info.has_sound

    def shown(self) -> Iterator[tuple[Fraction, Picture]]:
        reformatter, size, matrix = VideoReformatter(), None, None
        for time, frame in self.decoded():
            if size is None:
                size, matrix = (frame.width, frame.height), display_matrix(frame)
            yield time, partial(to_rgb, frame, reformatter, size, matrix)

    def decoded(self) -> Iterator[tuple[Fraction, VideoFrame]]:
        """Yield the decoded frames, not converted: seconds after the first one, and the frame."""
        ticks = self.timing.shown if self.timing.counted else None
        with open_source(self.source) as container:
            stream = picture_stream(container, self.source)
            for n, frame in enumerate(decode(container, stream, self.source)):
                pts = ticks[min(n, len(ticks) - 1)] if ticks else frame.pts
                if pts is not None and pts >= self.timing.first:
                    yield self.timing.time(pts), frame


def open_video(source: Source, rate: int | Fraction = FRAME_RATE) -> VideoFrames | AnimationFrames:
    """Open a video file (path or BytesIO) as Frames at `rate`: scans times, decodes one frame.

    Raises MediaError (a ValueError) if the video cannot be read to its end.
    """
    if is_animation(source):
        return open_animation(source, Fraction(rate))
    with open_source(source) as container:
        stream = picture_stream(container, source)
        timing = scan(container, stream, source)
        has_sound = bool(container.streams.audio)
    with open_source(source) as container:
        stream = picture_stream(container, source)
        codec = stream.codec_context.name
        decoded = decode(container, stream, source)
        frame = next(decoded, None)
        if timing.counted and not is_decoding_clock(container, stream):
            # Packets of a raw stream may hold no frame, e.g. the end-of-stream packet: count.
            timing = timing.of_frames(1 + sum(1 for _ in decoded))
    if frame is None:
        raise MediaError(
            f"{name_of(source)}: no frame of its {codec} picture can be decoded; re-encode it to "
            "H.264"
        )
    timing = _from_first_decoded(timing, frame, source)
    matrix = display_matrix(frame)
    info = VideoInfo(
        *_displayed(frame, matrix),
        timing.rate,
        timing.first * timing.tick,
        timing.duration,
        len(timing.shown),
        codec,
        has_sound,
        colour_of(frame, stream.codec_context, matrix is not None),
        read_projection(source, container.format.name, frame, stream.metadata),
    )
    return VideoFrames(source, Fraction(rate), info, timing)


def _displayed(frame: VideoFrame, matrix: Matrix | None) -> tuple[int, int]:
    height, width = orient(np.empty((frame.height, frame.width)), matrix).shape
    return width, height


def _from_first_decoded(timing: Timing, frame: VideoFrame, source: Source) -> Timing:
    """Start the video at the first decodable frame; MediaError if more than HOLE s are lost."""
    if timing.counted or frame.pts is None or frame.pts <= timing.first:
        return timing
    lost = (frame.pts - timing.first) * timing.tick
    if lost > HOLE:
        raise MediaError(
            f"{name_of(source)}: its first {float(lost):.3f} s cannot be decoded; cut them off by "
            "re-encoding, or copy the file again"
        )
    return replace(timing, first=frame.pts)


def decode(container: InputContainer, stream: VideoStream, source: Source) -> Iterator[VideoFrame]:
    """Yield frames in order of presentation; damaged packets are skipped.

    The previous frame replaces one that cannot be decoded; MediaError, with the time, if this lasts
    more than HOLE seconds.
    """
    good, latest, damaged, lost = None, None, False, 0
    for packet in packets_of(container, [stream]):
        latest = packet.pts if packet.pts is not None else latest
        if packet.size == 0 and packet.dts is not None:
            continue  # repeats the previous frame (Theora, AVI); the flush packet has no dts
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            damaged, lost = True, lost + 1
            continue
        for frame in frames:
            _check_hole(good, frame.pts, damaged, stream, source)
            good, damaged = frame.pts if frame.pts is not None else good, False
            yield frame
    _check_hole(good, latest, damaged, stream, source)
    if lost:
        warnings.warn(
            f"{name_of(source)}: damaged packets of its picture, which cannot be decoded: {lost}; "
            "the frame before each is repeated",
            stacklevel=2,
        )


def _check_hole(
    good: int | None, now: int | None, damaged: bool, stream: VideoStream, source: Source
) -> None:
    if damaged and good is not None and now is not None:
        if (now - good) * tick_of(stream) > HOLE:
            raise MediaError(
                f"{name_of(source)}: its picture is damaged after "
                f"{float(good * tick_of(stream)):.3f} s, the last good frame; cut the video "
                "there, or re-encode it from an undamaged copy"
            )


def to_rgb(
    frame: VideoFrame, reformatter: VideoReformatter, size: tuple[int, int], matrix: Matrix | None
) -> Tensor:
    """Convert to uint8 RGB (3 h w) by the frame's matrix and range, rotated upright."""
    # Old PyAV applies the matrix only if source and target differ, so both are given.
    rgb = reformatter.reformat(
        frame,
        width=size[0],
        height=size[1],
        format="rgb24",
        src_colorspace=scaler_matrix(frame),
        dst_colorspace=ITU601,
        src_color_range=int(frame.color_range),
        dst_color_range=FULL_RANGE,
    )
    upright = np.ascontiguousarray(orient(rgb.to_ndarray(), matrix))
    return rearrange(torch.from_numpy(upright), "h w c -> c h w")


def display_matrix(frame: VideoFrame) -> Matrix | None:
    """Display matrix a, b, c, d of the video's frames; None if they are upright.

    Call it for the first frame only: `side_data` in PyAV creates a reference cycle, which keeps
    the frame in memory until garbage collection, that is for thousands of frames.
    """
    data: SideData | None = side_data_of(frame).get("DISPLAYMATRIX")
    if data is None:
        return None
    a, b, _, c, d, *_ = np.frombuffer(bytes(data), np.int32).tolist()
    return a, b, c, d


def orient(picture: np.ndarray, matrix: Matrix | None) -> np.ndarray:
    """Apply a display matrix of 90-degree rotations and mirrors: (h w ...) -> (h' w' ...)."""
    if matrix is None:
        return picture
    a, b, c, d = matrix
    # Row vectors: x' = a x + c y, y' = b x + d y (ISO 14496-12, 8.3.2).
    if abs(b) > abs(a):
        picture, a, d = np.swapaxes(picture, 0, 1), c, b
    return picture[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
