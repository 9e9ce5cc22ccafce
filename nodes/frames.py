"""Load Frames: a file, a VIDEO or an IMAGE batch as frames at the model's rate."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from comfy_api.latest import Input, InputImpl, Types, io
from torch import Tensor

from ..sr_core.io.video import Frames, frames_from_images, open_video
from . import host, schema

NO_FILE = "none"


def source_inputs() -> list[io.Input]:
    """Where a clip may come from; exactly one of file, video and images must be given."""
    return [
        io.Combo.Input(
            "file",
            options=[NO_FILE, *host.video_names()],
            default=NO_FILE,
            upload=io.UploadType.video,
            tooltip=(
                "A video of the input folder; upload or drop one, or try the [bundled] sample. "
                "Leave it at 'none' to use the video or images input."
            ),
        ),
        io.Video.Input(
            "video",
            optional=True,
            tooltip="A VIDEO instead of a file. It is decoded frame by frame, at its own rate.",
        ),
        io.Image.Input(
            "images",
            optional=True,
            tooltip="An IMAGE batch instead of a file, as from a video-generation node. Needs fps.",
        ),
        io.Float.Input(
            "fps",
            optional=True,
            default=0.0,
            min=0.0,
            max=1000.0,
            step=0.001,
            tooltip=(
                "Frames a second of the images input, for example 16 or 24: the sound's timing "
                "hangs on it. No default: 0 means not given. Not used with a file or a video."
            ),
        ),
        schema.VideoInfo.Input(
            "video_info",
            optional=True,
            tooltip="Instead of fps: the video_info output of a Video Helper Suite loader.",
        ),
    ]


def open_source(
    file: str,
    video: Input.Video | None,
    images: Tensor | None,  # (t h w 3)
    fps: float,
    video_info: Mapping[str, Any] | None,
) -> tuple[Frames, Input.Video]:
    """Frames at the model's rate and the VIDEO they are of, without decoding anything yet."""
    given = {"file": file != NO_FILE, "video": video is not None, "images": images is not None}
    if sum(given.values()) != 1:
        names = " and ".join(name for name, there in given.items() if there) or "no source"
        raise ValueError(
            f"got {names}; expected exactly one of file, video and images; "
            "choose a file, or set file to 'none' and connect one of the two inputs"
        )
    if images is not None:
        rate = _image_rate(fps, video_info)
        components = Types.VideoComponents(images=images, audio=None, frame_rate=rate)
        return frames_from_images(images, rate), InputImpl.VideoFromComponents(components)
    if video is None:
        video = InputImpl.VideoFromFile(str(host.video_path(file)))
    return frames_of(video), video


def frames_of(video: Input.Video, with_sound: bool = False) -> Frames:
    """Frames of a VIDEO; one made of images is read as images, not encoded first.

    `with_sound`: where such a one has sound too, a file of both, as the host encodes it.
    """
    if isinstance(video, InputImpl.VideoFromComponents):
        components = video.get_components()
        if components.audio is None or not with_sound:
            return frames_from_images(components.images, components.frame_rate)
    return open_video(video.get_stream_source())


def _image_rate(fps: float, video_info: Mapping[str, Any] | None) -> Fraction:
    if video_info is not None and fps:
        raise ValueError(
            "got fps and video_info; expected one of them; set fps to 0 or disconnect video_info"
        )
    rate = video_info["loaded_fps"] if video_info is not None else fps
    if not rate > 0:
        raise ValueError(
            f"got images with fps {rate}; expected the frames a second that they were made for; "
            "set fps, for example to 16 or 24, as the node that made them says"
        )
    return Fraction(rate).limit_denominator(1001)  # 24000/1001 and the like stay exact


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
    def validate_inputs(cls, file: str | None) -> bool | str:
        return check_file(file)

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
        frames, video = open_source(file, video, images, fps, video_info)
        return io.NodeOutput(frames, video, float(frames.duration))


def check_file(file: str | None) -> bool | str:
    if file in (None, NO_FILE) or host.video_path(file).is_file():
        return True
    return f"got file {file!r}, which is not in the input folder; upload it or choose another"


def fingerprint_file(file: str | None) -> str:
    return "no file" if file in (None, NO_FILE) else host.fingerprint(host.video_path(file))
