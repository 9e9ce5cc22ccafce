"""Frames that are not compressed yet, into a picture stream."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from einops import rearrange
from torch import Tensor

from .container import Container
from .source import MediaError

BT709, LIMITED_RANGE, FULL_RANGE = 1, 1, 2  # numbers of AVColorSpace and AVColorRange


class Shaped(Protocol):
    """What an encoder has to know of a picture."""

    height: int
    width: int
    fps: Fraction


def add_encoder(
    output: OutputContainer,
    container: Container,
    shape: Shaped,
    tick: Fraction,
    options: dict[str, str],
) -> VideoStream:
    """Add a stream that encodes frames of that shape, with the first encoder that is there."""
    name, usual = _encoder(container)
    stream = output.add_stream(name, rate=shape.fps, options=usual | options)
    stream.width = shape.width + shape.width % 2
    stream.height = shape.height + shape.height % 2
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = tick
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = LIMITED_RANGE
    return stream


def _encoder(container: Container) -> tuple[str, dict[str, str]]:
    for name, options in container.pictures:
        if name in av.codecs_available:
            return name, options
    names = ", ".join(name for name, _ in container.pictures)
    raise MediaError(
        f"this PyAV has no encoder for {container.format} (looked for {names}); install 'av' from "
        "PyPI, or write to another container"
    )


def to_frame(picture: Tensor, ticks: int, clock: Fraction) -> VideoFrame:  # (3 h w) uint8
    """Make a frame to encode, its size rounded up to even numbers."""
    rgb = rearrange(picture, "c h w -> h w c").numpy()
    odd = rgb.shape[0] % 2, rgb.shape[1] % 2
    rgb = np.pad(rgb, ((0, odd[0]), (0, odd[1]), (0, 0)), mode="edge")
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    frame = frame.reformat(
        format="yuv420p",
        dst_colorspace=BT709,
        src_color_range=FULL_RANGE,
        dst_color_range=LIMITED_RANGE,
    )
    frame.colorspace, frame.color_range = BT709, LIMITED_RANGE
    frame.pts, frame.time_base = ticks, clock
    return frame
