"""Streams beside the video, copied packet by packet."""

from __future__ import annotations

from fractions import Fraction
from typing import TypeVar

from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from ..read.source import TIME_CODE
from ..read.video import VideoInfo
from .container import Container
from .trial import NO_TAG, add_copy

# Tags of a stream that remain valid when it is re-encoded (FRAME_TAGS) or copied (STREAM_TAGS). The
# muxers store two of them elsewhere: the time code as a track, and the alpha mode as a flag that a
# second image in the packets is transparency.
FRAME_TAGS = ("language", "title", "creation_time", "handler_name", TIME_CODE)
STREAM_TAGS = (*FRAME_TAGS, "alpha_mode")
LEAD_IN, OPUS_LEAD_IN = Fraction(1, 20), Fraction(1, 100)  # seconds of codec delay that are kept
DEFAULT = 1  # AV_DISPOSITION_DEFAULT

StreamT = TypeVar("StreamT", bound=Stream)


def copy_stream(stream: StreamT, output: OutputContainer, tag: str = NO_TAG) -> StreamT:
    """Add a stream for copies of this stream's packets, with its tags and disposition."""
    copied = add_copy(stream, output, tag)
    copied.metadata.update(kept_tags(stream))
    set_disposition(copied, stream.disposition.value)
    return copied


def set_disposition(stream: Stream, flags: int) -> None:
    """Set a stream's disposition to a sum of FFmpeg's AV_DISPOSITION flags."""
    # PyAV's stub accepts only its Disposition; its setter wants an integer, which that is not
    # in older PyAV (16).
    stream.disposition = flags  # type: ignore[assignment]


def kept_tags(stream: Stream, encoded: bool = False) -> dict[str, str]:
    """Tags of a stream that its copy keeps, or, if `encoded`, its re-encoding (without alpha)."""
    tags = FRAME_TAGS if encoded else STREAM_TAGS
    return {key: value for key, value in stream.metadata.items() if key.lower() in tags}


class CopiedStream:
    """Copies packets of another stream, shifted with the video and limited to its duration."""

    def __init__(
        self, stream: Stream, output: OutputContainer, info: VideoInfo, container: Container
    ):
        self.stream = copy_stream(stream, output)
        if stream.type == "audio":  # the new sound is the default track
            set_disposition(self.stream, stream.disposition.value & ~DEFAULT)
        self.start, self.end = info.start, info.duration
        self.last: int | None = None  # dts of the previous packet
        # Codec delay is before 0: edit lists hide it, Matroska supports it for Opus only.
        opus = "opus" in stream.codec_context.name
        self.lead = LEAD_IN if container.clocked else OPUS_LEAD_IN if opus else Fraction(0)

    def take(self, packet: Packet) -> Packet | None:
        """Convert a packet of the source to one of the target; None outside the video's time."""
        if packet.pts is None:
            return None
        shift = round(self.start / packet.time_base)
        pts = packet.pts - shift
        dts = pts if packet.dts is None else packet.dts - shift
        late = self.last is not None and dts <= self.last
        if late or not -self.lead <= pts * packet.time_base < self.end:
            return None
        self.last = dts
        packet.stream, packet.pts, packet.dts = self.stream, pts, dts
        return packet


class CopiedCover:
    """Copies the one packet of a cover, at time 0 regardless of the video's start."""

    def __init__(self, stream: Stream, output: OutputContainer):
        self.stream = copy_stream(stream, output)

    def take(self, packet: Packet) -> Packet | None:
        """Convert a packet of the source to one of the target."""
        packet.stream, packet.pts, packet.dts = self.stream, 0, 0
        return packet
