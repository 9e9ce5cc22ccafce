"""Opening media files; errors are one sentence instead of FFmpeg's traceback."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Union

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

TIME_CODE = "timecode"  # FFmpeg's key
VIDEO_SUFFIXES = frozenset(
    ".3gp .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .webm .wmv".split()
)

Source = Union[str, "os.PathLike[str]", io.BytesIO]


ANIMATION_SUFFIXES = frozenset((".avif", ".webp"))  # also of still images
HEAD = 21  # bytes of the header that identify an animation in both formats


class MediaError(ValueError):
    """A media file that cannot be read or written; the message gives cause, place and remedy."""


def name_of(source: Source) -> str:
    """Return the name of this source for error messages."""
    return "the file in memory" if isinstance(source, io.BytesIO) else f"'{os.fspath(source)}'"


def is_read_once(path: str) -> bool:
    """Return whether the path is a pipe or device: FIFO, socket, /dev/stdin."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def size_of(source: Source) -> int:
    """Size of the source in bytes; raises MediaError if there is no such file."""
    if isinstance(source, io.BytesIO):
        return source.getbuffer().nbytes
    path = os.fspath(source)
    if os.path.isdir(path):
        raise MediaError(f"{name_of(source)} is a folder; give the path of one media file")
    if is_read_once(path):
        raise MediaError(
            f"{name_of(source)} is a pipe or device, which can be read only once; expected a file; "
            "`python -m sr_core stream` takes it, or save it as a file first"
        )
    if not os.path.isfile(path):
        raise MediaError(f"{name_of(source)} does not exist; check the path")
    return os.path.getsize(path)


@contextmanager
def open_source(source: Source) -> Iterator[InputContainer]:
    """Open a path or BytesIO for reading; the position of the BytesIO does not matter or change."""
    if size_of(source) == 0:
        raise MediaError(f"{name_of(source)} is empty (0 bytes); copy or download it again")
    file: io.BytesIO | str
    if isinstance(source, io.BytesIO):
        file = io.BytesIO(source.getvalue())  # getvalue shares the bytes
    else:  # absolute, so that FFmpeg does not take "a:b.mp4" for a protocol
        file = os.path.abspath(os.fspath(source))
    try:
        container = av.open(file, "r", metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise MediaError(
            f"{name_of(source)} cannot be opened ({error.strerror}): it is cut off, damaged or not "
            "a media file; copy it again, or re-encode it to MP4"
        ) from error
    with container:
        yield container


def is_cover(stream: Stream) -> bool:
    """Return whether a stream is cover art."""
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def time_code(stream: Stream) -> str | None:
    """Time code of a stream's first frame; Matroska writes the key in capitals."""
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    return tags.get(TIME_CODE)


def tick_of(stream: Stream) -> Fraction:
    """Seconds per tick of a stream's timestamps; MediaError if it has no time base."""
    if stream.time_base is None:
        raise MediaError(
            f"got {stream.type} stream {stream.index} without a time base; expected one; re-encode "
            "the file to MP4"
        )
    return stream.time_base


def picture_stream(container: InputContainer, source: Source) -> VideoStream:
    """Return the first video stream that is not cover art; MediaError if there is none."""
    for stream in container.streams.video:
        if is_cover(stream):
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


def is_video(path: Path) -> bool:
    """Return whether a file is a video by its name, or an animation by its first bytes.

    False for the "._name" files of macOS, which hold no video.
    """
    suffix = path.suffix.lower()
    if path.name.startswith("._") or suffix not in VIDEO_SUFFIXES | ANIMATION_SUFFIXES:
        return False
    return suffix in VIDEO_SUFFIXES or is_animation(path)


def is_animation(source: Source) -> bool:
    """Return whether the first bytes are those of an animated WebP or AVIF."""
    if isinstance(source, io.BytesIO):
        head = bytes(source.getbuffer()[:HEAD])
    elif os.path.isfile(source):
        with open(source, "rb") as file:
            head = file.read(HEAD)
    else:
        return False
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
        return len(head) == HEAD and bool(head[20] & 2)  # RFC 9649, 2.7.1.1: the animation bit
    return head[4:12] == b"ftypavis"  # AVIF 1.1, 6.3: the brand of image sequences


def videos_in(place: Path, deep: bool = False) -> list[Path]:
    """List the videos of a folder, sorted by name; for a file, the file itself.

    `deep` includes subfolders. Raises MediaError for a folder without videos.
    """
    if not place.is_dir():
        return [place]
    paths = place.rglob("*") if deep else place.iterdir()
    found = sorted(path for path in paths if is_video(path))
    if not found:
        where = "in it or its subfolders" if deep else "in it (its subfolders are not searched)"
        raise MediaError(
            f"got {place} without a video {where}; expected {' '.join(sorted(VIDEO_SUFFIXES))}"
        )
    return found
