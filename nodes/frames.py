"""Load Frames: a file, a VIDEO or an IMAGE batch as frames at the model's rate."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from comfy_api.latest import Input, InputImpl, Types, io
from torch import Tensor

from ..sr_core.io.read.frames import Frames, frames_from_images
from ..sr_core.io.read.source import open_source
from ..sr_core.io.read.timing import standard_rate
from ..sr_core.io.read.video import open_video
from . import host, schema
from .graph import refuse_batches

ABSENT = object()  # not connected; while the host validates, what is connected is None
TWO_SOURCES = "got both video and images; expected one of them; disconnect the other"
TWO_RATES = "got fps and video_info; expected one of them; set fps to 0 or disconnect video_info"
NO_RATE = (
    "got images without their rate; expected the frames a second that they were made for; "
    "set fps, for example to 16 or 24, or connect a Video Helper Suite video_info"
)
NO_CLIP = "got no clip; expected one; choose or upload a file, or connect video or images"


def source_inputs() -> list[io.Input]:
    """Where a clip may come from: video or images if connected, else the file."""
    return [
        io.Combo.Input(
            "file",
            options=host.video_names(),
            upload=io.UploadType.video,
            tooltip=(
                "A video of the input folder: choose, upload or drop one. The sample comes with "
                "the package. Not used while video or images is connected; 'none' shows that."
            ),
        ),
        io.Float.Input(
            "fps",
            default=0.0,
            min=0.0,
            max=1000.0,
            step=0.001,
            tooltip=(
                "Frames a second of the images input, for example 16 or 24: all timing hangs on "
                "it. No default: 0 means not given. Not used with a file or a video."
            ),
        ),
        io.Video.Input(
            "video",
            optional=True,
            lazy=True,
            tooltip="A VIDEO instead of the file. It is decoded frame by frame, at its own rate.",
        ),
        io.Image.Input(
            "images",
            optional=True,
            lazy=True,
            tooltip=(
                "An IMAGE batch instead of the file, as from a video-generation node. Needs fps."
            ),
        ),
        schema.VideoInfo.Input(
            "video_info",
            optional=True,
            lazy=True,
            tooltip="Instead of fps: the video_info output of a Video Helper Suite loader.",
        ),
    ]


def check_file(file: str | None, video: Any = ABSENT, images: Any = ABSENT) -> bool | str:
    """What is wrong with the file, where that is the clip.

    The host repeats the answer for every input that was asked for and is given: that is one.
    """
    if file is None or video is not ABSENT or images is not ABSENT:
        return True
    if file == host.NO_FILE:
        return NO_CLIP
    try:
        found = host.video_path(file).is_file()
    except ValueError as error:
        return str(error)
    return (
        found or f"got file {file!r}, which is not in its folder; upload it or choose another one"
    )


def check_source(inputs: Mapping[str, Any], hidden: io.HiddenHolder) -> list[str]:
    """The inputs by name, as the host wants those that are to be worked out.

    Raises ValueError where they do not go together: before an hour of image generation is run,
    and once, while the host repeats what validation says at every input.
    """
    if "video" in inputs and "images" in inputs:
        raise ValueError(TWO_SOURCES)
    if "images" in inputs:
        _check_rate(inputs["fps"], "video_info" in inputs)
    refuse_batches(hidden, "video", "images")
    return list(inputs)


def _check_rate(fps: float, has_info: bool) -> None:
    if fps and has_info:
        raise ValueError(TWO_RATES)
    if not fps and not has_info:
        raise ValueError(NO_RATE)


def fingerprint_file(file: str | None) -> str:
    """Changes when the file does; there may be none, or one that is refused."""
    try:
        return "" if file is None else host.fingerprint(host.video_path(file))
    except ValueError:
        return ""


def open_clip(
    file: str,
    fps: float,
    video: Input.Video | None,
    images: Tensor | None,  # (t h w 3)
    video_info: Mapping[str, Any] | None,
) -> Input.Video:
    """The one clip that is given, as VIDEO."""
    if video is not None and images is not None:
        raise ValueError(TWO_SOURCES)
    if video is not None:
        return as_shown(video)
    if images is None:
        if file == host.NO_FILE:
            raise ValueError(NO_CLIP)
        return InputImpl.VideoFromFile(str(host.video_path(file)))
    _check_rate(fps, video_info is not None)
    rate = standard_rate(fps or video_info["loaded_fps"])
    components = Types.VideoComponents(images=images, audio=None, frame_rate=rate)
    return InputImpl.VideoFromComponents(components)


def frames_of(video: Input.Video, old_sound: str | None = None) -> Frames:
    """Frames of a VIDEO, as `as_shown` gives it; one of images is read as images, not encoded.

    `old_sound`: what a muxer does with the clip's sound, None for frames that are only looked at.
    Where such a VIDEO has sound to keep, or more than 8 bits, it is a file as the host encodes it.
    """
    if isinstance(video, InputImpl.VideoFromComponents):
        components = video.get_components()
        silent = components.audio is None or old_sound in (None, "drop")
        if silent and (old_sound is None or _bits(video) == 8):
            return frames_from_images(components.images, components.frame_rate)
    return open_video(video.get_stream_source())


def _bits(video: Input.Video) -> int:
    """Bits a sample that the VIDEO is to be encoded with; older hosts know 8 only."""
    return video.get_bit_depth() if hasattr(video, "get_bit_depth") else 8


def as_shown(video: Input.Video) -> Input.Video:
    """The video itself, or a file of what it shows, where that is not all of one file.

    Newer hosts trim and crop a VIDEO, and string several together: its source is never cut.
    """
    if isinstance(video, InputImpl.VideoFromComponents):
        return video
    if isinstance(video, InputImpl.VideoFromFile) and not _is_cut(video):
        return video
    buffer = BytesIO()
    video.save_to(buffer)
    return InputImpl.VideoFromFile(buffer)


def _is_cut(video: Input.Video) -> bool:
    source = video.get_stream_source()
    with open_source(source):  # a file that is no video is one clear error
        whole = InputImpl.VideoFromFile(source)
    if hasattr(video, "get_active_trim_window"):
        trimmed = any(video.get_active_trim_window())
    else:  # the first hosts that trim do not tell
        trimmed = hasattr(video, "as_trimmed") and video.get_duration() != whole.get_duration()
    return trimmed or video.get_dimensions() != whole.get_dimensions()


class LoadFrames(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorLoadFrames",
            display_name="Load Frames",
            description="Reads a clip at the model's 30 frames a second, with exact frame times.",
            search_aliases=["load video", "video frames", "soundreactor", "v2a", "foley"],
            inputs=source_inputs(),
            outputs=[
                schema.Frames.Output(
                    display_name="frames",
                    tooltip="The clip at 30 frames a second, decoded only while it is read.",
                ),
                io.Video.Output(
                    display_name="video",
                    tooltip="The clip itself, untouched, for the Audio Muxer.",
                ),
                io.Float.Output(
                    display_name="seconds",
                    tooltip="Length of the picture in seconds; the sound becomes exactly as long.",
                ),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
        )

    @classmethod
    def validate_inputs(cls, file, video=ABSENT, images=ABSENT) -> bool | str:
        return check_file(file, video, images)

    @classmethod
    def check_lazy_status(cls, **inputs: Any) -> list[str]:
        return check_source(inputs, cls.hidden)

    @classmethod
    def fingerprint_inputs(cls, file: str | None = None, **others: Any) -> str:
        return fingerprint_file(file)

    @classmethod
    @schema.node_run
    def execute(
        cls,
        file: str,
        fps: float,
        video: Input.Video | None = None,
        images: Tensor | None = None,
        video_info: Mapping[str, Any] | None = None,
    ) -> io.NodeOutput:
        clip = open_clip(file, fps, video, images, video_info)
        frames = frames_of(clip)
        return io.NodeOutput(frames, clip, float(frames.duration))
