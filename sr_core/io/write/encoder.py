"""Encoding frames to a video stream."""

from __future__ import annotations

import warnings
from fractions import Fraction
from typing import Protocol

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from einops import rearrange
from torch import Tensor

from ..read.colour import BT709, FULL_RANGE, LIMITED_RANGE, Colour, scaler_matrix
from ..read.source import MediaError
from .container import Container
from .trial import APPLE_HEVC

DEEP = "yuv420p10le"


class Shaped(Protocol):
    """Size and rate of a video, as an encoder needs them."""

    height: int
    width: int
    fps: Fraction


def add_encoder(
    output: OutputContainer,
    container: Container,
    shape: Shaped,
    tick: Fraction,
    options: dict[str, str],
    colour: Colour,
) -> VideoStream:
    """Add a stream that encodes frames of this shape with the first available encoder."""
    name, usual, pix_fmt = _encoder(container, colour)
    stream = output.add_stream(name, rate=shape.fps, options=usual | options)
    if not isinstance(stream, VideoStream):
        raise ValueError(
            f"got {name}, an encoder of {stream.type}; expected one of video; choose another one "
            "for this container"
        )
    stream.width = shape.width + shape.width % 2
    stream.height = shape.height + shape.height % 2
    stream.pix_fmt = pix_fmt
    context = stream.codec_context
    context.time_base = tick
    context.colorspace, context.color_range = colour.matrix, colour.range
    context.color_primaries, context.color_trc = colour.primaries, colour.transfer
    if name == "libx265" and container.clocked:
        context.codec_tag = APPLE_HEVC[0]
    return stream


def _encoder(container: Container, colour: Colour) -> tuple[str, dict[str, str], str]:
    """Choose encoder name, options and pixel format (10 bits for frames of more than 8)."""
    found = [one for one in container.deep if colour.kept and _takes(one[0], DEEP)]
    bits = 10 if found else 8
    if colour.bits > bits:
        warnings.warn(
            f"the video's {colour.bits} bits per sample are encoded as {bits}", stacklevel=4
        )
    if colour.records:
        warnings.warn(f"lost by encoding: {', '.join(colour.records)}", stacklevel=4)
    if found:
        return *found[0], DEEP
    for name, options in container.pictures:
        if name in av.codecs_available:
            return name, options, "yuv420p"
    names = ", ".join(name for name, _ in container.pictures)
    raise MediaError(
        f"this PyAV has no encoder for {container.format} (looked for {names}); install 'av' from "
        "PyPI, or write to another container"
    )


def _takes(name: str, pix_fmt: str) -> bool:
    if name not in av.codecs_available:
        return False
    return any(known.name == pix_fmt for known in av.Codec(name, "w").video_formats or ())


def in_own_colour(
    frame: VideoFrame, pix_fmt: str | None, ticks: int, clock: Fraction
) -> VideoFrame:
    """Convert a decoded frame to one to encode, with its matrix and range unchanged.

    `pix_fmt` None keeps the frame's pixel format.
    """
    matrix, own, span = scaler_matrix(frame), int(frame.colorspace), int(frame.color_range)
    frame = frame.reformat(
        format=pix_fmt,
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=span,
        dst_color_range=span,
    )
    frame.colorspace, frame.color_range = own, span
    frame.pict_type = 0  # otherwise the encoder repeats the source's keyframes
    frame.pts, frame.time_base = ticks, clock
    return frame


def to_frame(picture: Tensor, ticks: int, clock: Fraction) -> VideoFrame:  # (3 h w) uint8
    """Convert a picture to a frame to encode, padded to even size."""
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
