"""Frame Loader: reads a file, a VIDEO or an IMAGE batch as frames at the model's rate."""

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

ABSENT = object()  # input not connected; during validation connected inputs are None
TWO_SOURCES = "got both video and images; expected one of them; disconnect the other"
TWO_RATES = "got fps and video_info; expected one of them; set fps to 0 or disconnect video_info"
NO_RATE = (
    "got images without their rate; expected their frames per second; "
    "set fps, for example to 16 or 24, or connect a Video Helper Suite video_info"
)
NO_CLIP = "got no clip; expected one; choose or upload a file, or connect video or images"


def source_inputs() -> list[io.Input]:
    """Inputs for the source of a clip: video or images if connected, else the file."""
    return [
        io.Combo.Input(
            "file",
            options=host.video_names(),
            upload=io.UploadType.video,
            tooltip=(
                "A video of the input folder: choose, upload or drop one. The sample is part of "
                "the package. Ignored if video or images is connected; then 'none' may be chosen."
            ),
        ),
        io.Float.Input(
            "fps",
            default=0.0,
            min=0.0,
            max=1000.0,
            step=0.001,
            tooltip=(
                "Frames per second of the images input, for example 16 or 24; all timing depends "
                "on it. There is no default: 0 means not given. Ignored for a file or a video."
            ),
        ),
        io.Video.Input(
            "video",
            optional=True,
            lazy=True,
            tooltip="A VIDEO instead of the file. It is decoded frame by frame, at any rate.",
        ),
        io.Image.Input(
            "images",
            optional=True,
            lazy=True,
            tooltip=(
                "An IMAGE batch instead of the file, for example from a video-generation node. "
                "Requires fps."
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
    """True, or an error message about the file if the file is the clip's source.

    ComfyUI repeats a message for each parameter of `validate_inputs` that is given, which is only
    `file` in the case of an error.
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
    """The names of all connected inputs, for ComfyUI to evaluate them.

    Raises ValueError for invalid combinations: here it is before the upstream nodes run (which may
    take an hour) and is shown once; a message of `validate_inputs` is repeated for every input.
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
    """A string that changes with the file; empty for None or an invalid name."""
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
    """The clip as VIDEO, from the one source that is given."""
    if video is not None and images is not None:
        raise ValueError(TWO_SOURCES)
    if video is not None:
        return as_shown(video)
    if images is None:
        if file == host.NO_FILE:
            raise ValueError(NO_CLIP)
        return InputImpl.VideoFromFile(str(host.video_path(file)))
    _check_rate(fps, video_info is not None)
    rate = standard_rate(fps if video_info is None else video_info["loaded_fps"])
    components = Types.VideoComponents(images=images, audio=None, frame_rate=rate)
    return InputImpl.VideoFromComponents(components)


def frames_of(video: Input.Video, old_sound: str | None = None) -> Frames:
    """Frames of a VIDEO that `as_shown` returned; images are read directly, without encoding.

    `old_sound` is the muxer's treatment of the clip's sound, None if the frames are not muxed. A
    VIDEO of images is encoded by ComfyUI first if it is muxed and has sound to keep or more than
    8 bits.
    """
    if isinstance(video, InputImpl.VideoFromComponents):
        components = video.get_components()
        silent = components.audio is None or old_sound in (None, "drop")
        if silent and (old_sound is None or _bits(video) == 8):
            return frames_from_images(components.images, components.frame_rate)
    return open_video(video.get_stream_source())


def _bits(video: Input.Video) -> int:
    """Bits per sample for encoding the VIDEO; older ComfyUI versions support 8 only."""
    return video.get_bit_depth() if hasattr(video, "get_bit_depth") else 8


def as_shown(video: Input.Video) -> Input.Video:
    """The video itself, or an encoded file if it is trimmed, cropped or a concatenation.

    Newer ComfyUI versions apply these operations to a VIDEO without changing its source file.
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
    with open_source(source):  # raises a clear error for a file that is not a video
        whole = InputImpl.VideoFromFile(source)
    if hasattr(video, "get_active_trim_window"):
        trimmed = any(video.get_active_trim_window())
    else:  # ComfyUI versions with trimming, but without this method
        trimmed = hasattr(video, "as_trimmed") and video.get_duration() != whole.get_duration()
    return trimmed or video.get_dimensions() != whole.get_dimensions()


class LoadFrames(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorLoadFrames",
            display_name="Frame Loader · load video",
            description="Reads a clip at the model's 30 frames per second, with exact frame times.",
            search_aliases=["load video", "video frames", "soundreactor", "v2a", "foley"],
            inputs=source_inputs(),
            outputs=[
                schema.Frames.Output(
                    display_name="frames",
                    tooltip="The clip at 30 frames per second, decoded when it is read.",
                ),
                io.Video.Output(
                    display_name="video",
                    tooltip="The unchanged clip, for the Audio Muxer.",
                ),
                io.Float.Output(
                    display_name="seconds",
                    tooltip="Duration of the video stream in seconds; the sound has the same.",
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
