"""Sources of a live video: a path, a URL, or DEVICE:NAME."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from ..read.source import MediaError, is_read_once, open_source

DEVICES = ("v4l2", "x11grab", "avfoundation", "dshow", "gdigrab", "lavfi")


def is_device(source: str) -> bool:
    """Return whether the text before the first colon is a kind of device."""
    return source.split(":", 1)[0] in DEVICES and not os.path.exists(source)


def is_live(source: str) -> bool:
    """Return whether the source produces frames in real time, read or not."""
    if is_device(source):
        return not source.startswith("lavfi:")
    scheme, found, _ = source.partition("://")
    return bool(found) and scheme not in ("http", "https", "file")


def check_reachable(source: str, stream: VideoStream) -> None:
    """Raise MediaError for a URL whose index was read but whose packets before it cannot be.

    Call it for a video that gave no packet at all.
    """
    if "://" in source and stream.frames:
        raise MediaError(
            f"'{source}' has its index after the video, and its server cannot seek back; "
            "download the file first, or put the index in front: "
            "`ffmpeg -i FILE -c copy -movflags +faststart NEW`"
        )


@contextmanager
def open_live(source: str, options: dict[str, str]) -> Iterator[InputContainer]:
    """Open a path, a URL or DEVICE:NAME; raises MediaError with a remedy."""
    kind, _, name = source.partition(":")
    once = is_read_once(source)
    if not is_device(source) and "://" not in source and not once:
        with open_source(source) as container:
            yield container
        return
    try:
        if once:  # FFmpeg cannot mistake an absolute path for a protocol
            container = av.open(os.path.abspath(source), metadata_errors="replace")
        elif is_device(source):
            container = av.open(name, format=kind, options=options)
        else:
            container = av.open(source, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(
            f"'{source}' cannot be opened ({reason}); check the URL or the device, and that no "
            "other program uses it; the kinds of devices depend on the system and PyAV's build"
        ) from error
    with container:
        yield container
