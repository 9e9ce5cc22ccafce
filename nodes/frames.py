"""Load Frames: a file, a VIDEO or an IMAGE batch as frames at the model's rate."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from io import BytesIO
from typing import Any

from comfy_api.latest import Input, InputImpl, Types, io
from torch import Tensor

from ..sr_core.io.frames import Frames, frames_from_images
from ..sr_core.io.timing import standard_rate
from ..sr_core.io.video import open_video
from . import host, schema

ABSENT = object()  # not connected; while the host validates, what is connected is None
TWO_SOURCES = "got both video and images; expected one of them; disconnect the other"
NO_RATE = (
    "got images without their rate; expected the frames a second that they were made for; "
    "set fps, for example to 16 or 24, or connect a Video Helper Suite video_info"
)


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
        io.Video.Input(
            "video",
            optional=True,
            tooltip="A VIDEO instead of the file. It is decoded frame by frame, at its own rate.",
        ),
        io.Image.Input(
            "images",
            optional=True,
            tooltip=(
                "An IMAGE batch instead of the file, as from a video-generation node. Needs fps."
            ),
        ),
        io.Float.Input(
            "fps",
            optional=True,
            default=0.0,
            min=0.0,
            max=1000.0,
            step=0.001,
            tooltip=(
                "Frames a second of the images input, for example 16 or 24: all timing hangs on "
                "it. No default: 0 means not given. Not used with a file or a video."
            ),
        ),
        schema.VideoInfo.Input(
            "video_info",
            optional=True,
            tooltip="Instead of fps: the video_info output of a Video Helper Suite loader.",
        ),
    ]


def check_source(
    file: str | None,
    video: Any = ABSENT,
    images: Any = ABSENT,
    fps: Any = ABSENT,
    video_info: Any = ABSENT,
) -> bool | str:
    """What can be seen to be wrong before anything runs, such as an hour of image generation."""
    if video is not ABSENT and images is not ABSENT:
        return TWO_SOURCES
    if images is not ABSENT:
        return NO_RATE if video_info is ABSENT and fps in (ABSENT, 0) else True
    if file == host.NO_FILE and video is ABSENT:
        return "got no clip; expected one; choose or upload a file, or connect video or images"
    if video is not ABSENT or file is None or host.video_path(file).is_file():
        return True
    return f"got file {file!r}, which is not in the input folder; upload it or choose another"


def fingerprint_file(file: str | None) -> str:
    return "" if file is None else host.fingerprint(host.video_path(file))


def open_clip(
    file: str,
    video: Input.Video | None,
    images: Tensor | None,  # (t h w 3)
    fps: float,
    video_info: Mapping[str, Any] | None,
) -> Input.Video:
    """The one clip that is given, as VIDEO."""
    if video is not None and images is not None:
        raise ValueError(TWO_SOURCES)
    if video is not None:
        return _cut(video)
    if images is None:
        return InputImpl.VideoFromFile(str(host.video_path(file)))
    rate = _image_rate(fps, video_info)
    components = Types.VideoComponents(images=images, audio=None, frame_rate=rate)
    return InputImpl.VideoFromComponents(components)


def frames_of(video: Input.Video, with_sound: bool = False) -> Frames:
    """Frames of a VIDEO at the model's rate; one made of images is read as images, not encoded.

    `with_sound`: where such a one has sound too, a file of both, as the host encodes it.
    """
    if isinstance(video, InputImpl.VideoFromComponents):
        components = video.get_components()
        if components.audio is None or not with_sound:
            return frames_from_images(components.images, components.frame_rate)
    return open_video(_cut(video).get_stream_source())


def _cut(video: Input.Video) -> Input.Video:
    """The video itself, or what a newer host's trim leaves of it: its source is never trimmed."""
    window = getattr(video, "get_active_trim_window", None)
    if window is None or not any(window()):
        return video
    buffer = BytesIO()
    video.save_to(buffer)
    return InputImpl.VideoFromFile(buffer)


def _image_rate(fps: float, video_info: Mapping[str, Any] | None) -> Fraction:
    if video_info is not None and fps:
        raise ValueError(
            "got fps and video_info; expected one of them; set fps to 0 or disconnect video_info"
        )
    rate = video_info["loaded_fps"] if video_info is not None else fps
    if not rate > 0:
        raise ValueError(NO_RATE)
    return standard_rate(rate)


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
        )

    @classmethod
    def validate_inputs(
        cls, file, video=ABSENT, images=ABSENT, fps=ABSENT, video_info=ABSENT
    ) -> bool | str:
        return check_source(file, video, images, fps, video_info)

    @classmethod
    def fingerprint_inputs(cls, file: str | None = None, **others: Any) -> str:
        return fingerprint_file(file)

    @classmethod
    def execute(
        cls,
        file: str,
        video: Input.Video | None = None,
        images: Tensor | None = None,
        fps: float = 0.0,
        video_info: Mapping[str, Any] | None = None,
    ) -> io.NodeOutput:
        clip = open_clip(file, video, images, fps, video_info)
        frames = frames_of(clip)
        return io.NodeOutput(frames, clip, float(frames.duration))
