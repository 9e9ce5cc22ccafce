"""Where a live picture comes from: a path, an address with ://, or DEVICE:NAME."""

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
    """Say whether the words before the first colon name a kind of device."""
    return source.split(":", 1)[0] in DEVICES and not os.path.exists(source)


def is_live(source: str) -> bool:
    """Say whether the picture comes at its own pace, whether it is read or not."""
    if is_device(source):
        return not source.startswith("lavfi:")
    scheme, found, _ = source.partition("://")
    return bool(found) and scheme not in ("http", "https", "file")


def check_reachable(source: str, stream: VideoStream) -> None:
    """Raise MediaError where an index was read, and none of the picture before it can be.

    To be called when a picture brought no packet at all.
    """
    if "://" in source and stream.frames:
        raise MediaError(
            f"'{source}' has its index behind the picture, and its server cannot go back to what "
            "was passed over; download the file first, or put the index in front: "
            "`ffmpeg -i FILE -c copy -movflags +faststart NEW`"
        )


@contextmanager
def open_live(source: str, options: dict[str, str]) -> Iterator[InputContainer]:
    """Open a path, an address or DEVICE:NAME; raises MediaError with what to do about it."""
    kind, _, name = source.partition(":")
    once = is_read_once(source)
    if not is_device(source) and "://" not in source and not once:
        with open_source(source) as container:
            yield container
        return
    try:
        if once:  # an absolute path cannot be taken for a protocol
            container = av.open(os.path.abspath(source), metadata_errors="replace")
        elif is_device(source):
            container = av.open(name, format=kind, options=options)
        else:
            container = av.open(source, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(
            f"'{source}' cannot be opened ({reason}); check the address or the device, and that "
            "nobody else uses it; kinds of devices depend on the system and on PyAV's build"
        ) from error
    with container:
        yield container
