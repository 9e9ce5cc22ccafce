"""The output file formats: the sound codec and the video encoders of each."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.stream import Stream

from ..read.source import MediaError

H264 = (
    ("libx264", {"crf": "17"}),
    ("h264_videotoolbox", {"q:v": "70"}),
    ("libopenh264", {"b": "8000000"}),
    ("mpeg4", {"b": "16000000"}),
)
DEEP = (  # for more than 8 bits per sample: HDR players support HEVC, few support 10-bit H.264
    ("libx265", {"crf": "18", "x265-params": "log-level=error"}),
    ("libx264", {"crf": "17"}),
)
SPEAKERS = {1: "mono", 2: "stereo", 4: "quad", 6: "5.1", 8: "7.1"}
VP9 = (("libvpx-vp9", {"crf": "24", "b": "0"}), ("libvpx", {"crf": "8", "b": "8000000"}))


@dataclass(frozen=True)
class Container:
    """A file format, its sound codec with sample format and bit rate, and its video encoders.

    `deep`: encoders for more than 8 bits per sample, used if they support it. `layouts`: FFmpeg's
    channel layouts by number of channels. `sound_options`: those of the sound's encoder.
    """

    format: str
    sound: str
    sample_format: str
    bit_rate: int | None = None
    options: dict[str, str] = field(default_factory=dict)
    pictures: tuple[tuple[str, dict[str, str]], ...] = H264
    deep: tuple[tuple[str, dict[str, str]], ...] = DEEP
    layouts: dict[int, str] = field(default_factory=lambda: SPEAKERS)
    sound_options: dict[str, str] = field(default_factory=dict)

    @property
    def shows_covers(self) -> bool:
        """Whether a cover can be a stream here; MP4 cannot hold one together with free tags."""
        return self.clocked and FREE_TAGS not in self.options["movflags"]

    def with_cover(self, tags: Mapping[str, str]) -> Container:
        """Return the container for a file with a cover: no free tags if all are NAMED_TAGS."""
        if not self.clocked or not NAMED_TAGS.issuperset(key.lower() for key in tags):
            return self
        flags = self.options["movflags"].replace(f"{FREE_TAGS}+", "")
        return replace(self, options=self.options | {"movflags": flags})

    @property
    def clocked(self) -> bool:
        """Whether streams have their own time bases and edit lists (MP4, MOV)."""
        return self.format in ("mp4", "mov")

    def options_for(self, codec: str) -> dict[str, str]:
        """Return the muxer options for a copied video of this codec."""
        # FFmpeg classifies the Dolby Vision record in MP4 as unofficial.
        return {"strict": "unofficial"} if self.clocked and codec in ("hevc", "av1") else {}

    def holds(self, stream: Stream) -> bool:
        """Return whether a header of this format can be written for the stream's packets."""
        try:
            with av.open(io.BytesIO(), "w", format=self.format) as output:
                output.add_stream_from_template(stream, opaque=True)
                output.start_encoding()  # some errors come only when the header is written
        except (ValueError, AttributeError, av.error.FFmpegError):
            return False  # AttributeError: this FFmpeg does not have the codec
        return True


FREE_TAGS = "use_metadata_tags"
# Tags with a dedicated field in MP4 (FFmpeg's movenc.c, mov_write_ilst_tag).
NAMED_TAGS = frozenset(
    "title artist album_artist composer album date encoder comment genre copyright grouping lyrics "
    "description synopsis show episode_id network keywords creation_time".split()
)
NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
NO_RIGHT = (errno.EACCES, errno.EPERM, errno.EROFS)

# The default movie time base, 1/1000 s, would round the end of the sound in its edit list.
ISO_OPTIONS = {"movflags": f"{FREE_TAGS}+faststart", "movie_timescale": "48000"}
MP4 = Container("mp4", "aac", "fltp", 256_000, ISO_OPTIONS)
MOV = Container("mov", "pcm_s24le", "s32", None, ISO_OPTIONS)
MKV = Container("matroska", "flac", "s32")
WEBM = Container("webm", "libopus", "flt", 192_000, pictures=VP9, deep=VP9)
CONTAINERS = {".mp4": MP4, ".m4v": MP4, ".mov": MOV, ".mkv": MKV, ".webm": WEBM}


def container_for(target: str | os.PathLike[str]) -> Container:
    """Choose the container by the target's suffix; MediaError (a ValueError) for an unknown one."""
    suffix = Path(target).suffix.lower()
    if suffix not in CONTAINERS:
        raise MediaError(
            f"got target '{os.fspath(target)}'; expected a name ending in "
            f"{', '.join(CONTAINERS)}; change the suffix"
        )
    return CONTAINERS[suffix]


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Convert errors of FFmpeg or the system during writing to a MediaError with the target's name.

    BrokenPipeError passes unchanged: the command line handles it.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except (av.error.FFmpegError, OSError) as error:
        reason = error.strerror or str(error)
        raise MediaError(f"cannot write '{target}': {reason}{_advice(error.errno)}") from error


def _advice(code: int | None) -> str:
    """A remedy for the system error of this number; empty if none is known."""
    if code in NO_ROOM:
        return "; there is no space left on that disk: free some, or write to another one"
    if code in NO_RIGHT:
        return "; check the permissions of that folder"
    if code == errno.EFBIG:
        return "; a limit on the size of files was reached: write to another disk"
    return ""


@contextmanager
def open_output(
    partial: Path,
    target: Path,
    container: Container,
    clock: Fraction | None = None,
    codec: str = "",
) -> Iterator[OutputContainer]:
    """Open the partial file for writing.

    `clock`: the video's tick in seconds, used if streams have their own time bases. `codec`: the
    video's codec if it is copied.
    """
    options = container.options | container.options_for(codec)
    if container.clocked and clock is not None:
        options["video_track_timescale"] = str(clock.denominator)
    with writing(target):
        output = av.open(str(partial.absolute()), "w", format=container.format, options=options)
    try:
        yield output
    except BaseException:
        _abandon(output)
        raise
    with writing(target):
        output.close()


def _abandon(output: OutputContainer) -> None:
    # Closing writes a trailer; its errors would hide the first error.
    try:
        output.close()
    except (av.error.FFmpegError, OSError, ValueError):
        pass
