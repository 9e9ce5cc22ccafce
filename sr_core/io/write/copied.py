"""Streams beside the picture on their way into a file, packets untouched."""

from __future__ import annotations

from fractions import Fraction

from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from ..read.source import TIME_CODE
from ..read.video import VideoInfo
from .container import Container
from .trial import NO_TAG, add_copy

# What is said of a stream and still holds of its frames encoded anew, and of its packets copied.
# The muxers write two in places of their own: a time code track, and the mark that a second picture
# in the packets is transparency.
FRAME_TAGS = ("language", "title", "creation_time", "handler_name", TIME_CODE)
STREAM_TAGS = (*FRAME_TAGS, "alpha_mode")
LEAD_IN, OPUS_LEAD_IN = Fraction(1, 20), Fraction(1, 100)  # seconds of lead-in that are kept
DEFAULT = 1  # AV_DISPOSITION_DEFAULT


def copy_stream(stream: Stream, output: OutputContainer, tag: str = NO_TAG) -> Stream:
    """Add a stream that takes this one's packets as they are, with what is known of it."""
    copied = add_copy(stream, output, tag)
    copied.metadata.update(kept_tags(stream))
    copied.disposition = stream.disposition.value
    return copied


def kept_tags(stream: Stream, encoded: bool = False) -> dict[str, str]:
    """Give a stream's tags that a copy of it keeps, or another encoding: that has no alpha."""
    tags = FRAME_TAGS if encoded else STREAM_TAGS
    return {key: value for key, value in stream.metadata.items() if key.lower() in tags}


class CopiedStream:
    """Packets of another stream, moved with the picture, within the picture's time."""

    def __init__(
        self, stream: Stream, output: OutputContainer, info: VideoInfo, container: Container
    ):
        self.stream = copy_stream(stream, output)
        if stream.type == "audio":  # the new sound is the one to be heard
            self.stream.disposition = stream.disposition.value & ~DEFAULT
        self.start, self.end, self.last = info.start, info.duration, None
        # A codec's lead-in lies before 0: edit lists hide it, Matroska knows only that of Opus.
        opus = "opus" in stream.codec_context.name
        self.lead = LEAD_IN if container.clocked else OPUS_LEAD_IN if opus else 0

    def take(self, packet: Packet) -> Packet | None:
        """Turn a packet of the source into one of the target, or None outside the picture."""
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
    """The one packet of a cover, at the beginning wherever the picture starts."""

    def __init__(self, stream: Stream, output: OutputContainer):
        self.stream = copy_stream(stream, output)

    def take(self, packet: Packet) -> Packet | None:
        """Turn the source's packet into the target's."""
        packet.stream, packet.pts, packet.dts = self.stream, 0, 0
        return packet
