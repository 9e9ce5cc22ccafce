"""Opening a media file: whatever is wrong with it is one sentence, not FFmpeg's traceback."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Union

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

VIDEO_SUFFIXES = frozenset(
    ".3gp .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .webm .wmv".split()
)

Source = Union[str, "os.PathLike[str]", io.BytesIO]


class MediaError(ValueError):
    """A media file that cannot be read or written: says what, where, and what to do."""


def name_of(source: Source) -> str:
    """Give the words by which an error calls this source."""
    return "the file in memory" if isinstance(source, io.BytesIO) else f"'{os.fspath(source)}'"


def size_of(source: Source) -> int:
    """Bytes in the source; raises MediaError where there is no such file."""
    if isinstance(source, io.BytesIO):
        return source.getbuffer().nbytes
    path = os.fspath(source)
    if os.path.isdir(path):
        raise MediaError(f"{name_of(source)} is a folder; give the path of one media file")
    if not os.path.isfile(path):
        raise MediaError(f"{name_of(source)} does not exist; check the path")
    return os.path.getsize(path)


@contextmanager
def open_source(source: Source) -> Iterator[InputContainer]:
    """Open a path or BytesIO for reading; the BytesIO's own position is neither used nor moved."""
    if size_of(source) == 0:
        raise MediaError(f"{name_of(source)} is empty (0 bytes); copy or download it again")
    in_memory = isinstance(source, io.BytesIO)
    # An absolute path cannot be taken for a protocol ("a:b.mp4"); getvalue shares the bytes.
    file = io.BytesIO(source.getvalue()) if in_memory else os.path.abspath(os.fspath(source))
    try:
        container = av.open(file, metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise MediaError(
            f"{name_of(source)} cannot be opened ({error.strerror}): it is cut off, damaged or not "
            "a media file; copy it again, or re-encode it to MP4"
        ) from error
    with container:
        yield container


def picture_stream(container: InputContainer, source: Source) -> VideoStream:
    """Find the first moving picture; cover art is not one."""
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue
        if stream.codec_context is None:
            raise MediaError(
                f"{name_of(source)} has a picture in a codec this FFmpeg cannot read; "
                "re-encode it to H.264"
            )
        return stream
    raise MediaError(
        f"{name_of(source)} has no video stream; give a file with a moving picture "
        "(cover art of a music file is not one)"
    )


def videos_in(place: Path, deep: bool = False) -> list[Path]:
    """Give the videos of a folder by name, or the one file that place is.

    `deep` looks into the folders in it too. Raises MediaError for a folder without any.
    """
    if not place.is_dir():
        return [place]
    paths = place.rglob("*") if deep else place.iterdir()
    found = sorted(path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES)
    if not found:
        where = "in it or in its folders" if deep else "in it (its folders are not looked into)"
        raise MediaError(
            f"got {place} without a video {where}; expected {' '.join(sorted(VIDEO_SUFFIXES))}"
        )
    return found
