"""Checks that a file holds all the video its header declares, so that a cut file is an error."""

from __future__ import annotations

import io
import re
import warnings
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from .source import MediaError, Source, name_of, size_of, tick_of
from .timing import Timing

SLACK, LOOSE_SLACK = Fraction(1, 10), Fraction(1, 2)  # seconds, tolerance: stream's end, file's
LENGTHS_OF_THEIR_OWN = ("matroska,webm", "mpegts", "mpeg")  # formats with packet durations
FEW, FEW_SHARE = 3, 0.02  # gaps (number, share of all frames) up to which the rate is constant
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # Matroska element ids


def is_whole(container: InputContainer, stream: VideoStream, source: Source, packets: int) -> bool:
    """Return whether the structure of the file proves that no packet is missing."""
    if "mp4" in container.format.name:
        return packets >= stream.frames > 0
    if "matroska" in container.format.name:
        end = _segment_end(source)
        return end is not None and size_of(source) >= end
    return False


def _segment_end(source: Source) -> int | None:
    """Byte offset at which the Segment of a Matroska file ends (RFC 8794, 6.2: element sizes)."""
    if isinstance(source, io.BytesIO):
        head = bytes(source.getbuffer()[:256])
    else:
        with open(source, "rb") as file:
            head = file.read(256)
    if not head.startswith(EBML):
        return None
    place, size = _element_size(head, len(EBML))
    place += size or 0
    if head[place : place + 4] != SEGMENT:
        return None
    place, size = _element_size(head, place + 4)
    return None if size is None else place + size


def _element_size(data: bytes, place: int) -> tuple[int, int | None]:
    """Read a variable-length size: offset of the content, and its bytes (None: unknown)."""
    width = 9 - data[place].bit_length()
    size = int.from_bytes(data[place : place + width], "big") & ((1 << 7 * width) - 1)
    return place + width, None if size == (1 << 7 * width) - 1 else size


def promised_end(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """The end of this stream in seconds by the header; None if it gives none."""
    if container.format.name == "avi" and stream.frames and stream.average_rate:
        return stream.frames / stream.average_rate
    if stream.duration and stream.start_time is not None:
        return (stream.start_time + stream.duration) * tick_of(stream)
    match = re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.metadata.get("DURATION", ""))
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)


def warn_of_holes(container: InputContainer, timing: Timing, source: Source) -> None:
    """Warn of a few missing frames in a video of otherwise constant rate, with their count.

    Only for formats with packet durations; many gaps mean a variable rate.
    """
    if container.format.name not in LENGTHS_OF_THEIR_OWN or not timing.snaps:
        return
    times = [timing.time(pts) for pts in timing.shown] + [timing.duration]
    gaps = [round((b - a) * timing.rate) - 1 for a, b in zip(times, times[1:], strict=False)]
    lengths = {packet.pts: packet.duration * timing.tick for packet in timing.packets}
    meant = [lengths[pts] * timing.rate >= 2 for pts in timing.shown]  # long by its own duration
    last = len(gaps) - 1
    places = [n for n, gap in enumerate(gaps) if gap > 0 and (n == last or not meant[n])]
    if not places or len(places) > max(FEW, len(gaps) * FEW_SHARE):
        return
    longest = max(places, key=gaps.__getitem__)
    warnings.warn(
        f"{name_of(source)}: {sum(gaps[n] for n in places)} of {len(gaps) + sum(gaps)} frames are "
        f"missing, the most after {float(times[longest]):.3f} s for "
        f"{float(times[longest + 1] - times[longest]):.3f} s; the frame before is repeated",
        stacklevel=4,
    )


def check_complete(
    container: InputContainer,
    stream: VideoStream,
    source: Source,
    held: Fraction,
    end: Fraction,
    cut: bool,
) -> None:
    """Raise MediaError if the header declares a longer video than the packets hold.

    `held`: the end of the video by its packets, `end`: the latest end of any stream, in seconds.
    `cut`: the last packet is incomplete.
    """
    promised, slack = promised_end(container, stream), SLACK
    if promised is None and container.duration and container.format.name != "gif":
        start = Fraction(container.start_time or 0, av.time_base)
        promised = start + Fraction(container.duration, av.time_base)
        held, slack = end, LOOSE_SLACK
    missing = ""
    if promised is not None and promised - held > slack:
        missing = f", its header promises {float(promised):.3f} s"
    if missing or cut:
        raise MediaError(
            f"{name_of(source)} is cut off: its picture ends {float(held):.3f} s in{missing}"
            "; copy or download it again, or cut it there by re-encoding"
        )
