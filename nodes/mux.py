"""Audio Muxer: the clip and its sound as one file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from comfy_api.latest import Input, InputImpl, io, ui
from torch import Tensor

from ..sr_core.io.frames import Frames
from ..sr_core.io.mux import mux
from ..sr_core.io.video import VideoFrames
from . import host, schema
from .audio import unpack_audio
from .frames import ABSENT, frames_of

SAMPLE_RATE = 48000
CONTAINERS = ("mp4", "mov", "mkv", "webm")
OLD_SOUNDS = ("drop", "keep", "mix")
ONE_CLIP = "got no clip or two; expected one; connect either video or frames"


def file_inputs() -> list[io.Input]:
    """How the file is written."""
    return [
        io.Combo.Input(
            "container",
            options=list(CONTAINERS),
            default="mp4",
            tooltip=(
                "mp4: AAC sound, plays everywhere (default). mov: uncompressed PCM. mkv: lossless "
                "FLAC, few browsers play it. webm: Opus, for VP8, VP9 and AV1 pictures only."
            ),
        ),
        io.Combo.Input(
            "old_sound",
            options=list(OLD_SOUNDS),
            default="drop",
            tooltip=(
                "Sound the clip already has. drop: leave it out (default). keep: a second track. "
                "mix: one track of both, with the two gains."
            ),
        ),
        io.String.Input(
            "filename_prefix",
            default="video/SoundReactor",
            tooltip=(
                "Folder and start of the name in the output folder; a number is added, nothing is "
                "overwritten. %date% patterns work as in core's Save nodes."
            ),
        ),
    ]


def gain_input(name: str, what: str) -> io.Float.Input:
    return io.Float.Input(
        name,
        default=0.0,
        min=-60.0,
        max=24.0,
        step=0.5,
        tooltip=f"Loudness of {what} in dB: 0 leaves it, -6 halves it. Too much clips.",
    )


class MuxAudio(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorMuxAudio",
            display_name="Audio Muxer",
            description="Writes the clip with its sound. The picture is copied, not encoded again.",
            search_aliases=["soundreactor", "save video", "combine audio", "video combine", "mux"],
            inputs=[
                io.Video.Input(
                    "video",
                    optional=True,
                    tooltip="The clip as VIDEO, from Load Frames or elsewhere. This or frames.",
                ),
                schema.Frames.Input(
                    "frames",
                    optional=True,
                    tooltip="The clip as frames of Load Frames. This or video.",
                ),
                io.Audio.Input(
                    "audio",
                    tooltip="Mono or stereo, at least as long as the clip; the rest is cut off.",
                ),
                *file_inputs(),
                gain_input("gain_db", "the new sound"),
                gain_input("old_gain_db", "the clip's own sound with old_sound 'mix'"),
            ],
            outputs=[
                io.Video.Output(
                    display_name="video",
                    tooltip="The file that was written; it also plays on the node.",
                )
            ],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, audio, video=ABSENT, frames=ABSENT) -> bool | str:
        return (video is ABSENT) != (frames is ABSENT) or ONE_CLIP

    @classmethod
    def execute(
        cls,
        audio: Mapping[str, Any] | None,
        container: str,
        old_sound: str,
        filename_prefix: str,
        gain_db: float,
        old_gain_db: float,
        video: Input.Video | None = None,
        frames: Frames | None = None,
    ) -> io.NodeOutput:
        waveform = _single(unpack_audio(audio, SAMPLE_RATE)).split(SAMPLE_RATE, dim=-1)
        frames = picture(video, frames, with_sound=old_sound != "drop")
        if old_sound != "drop" and video is None and not isinstance(frames, VideoFrames):
            host.warn(
                f"these frames carry no sound of their own to {old_sound}; connect the clip to "
                "`video` in place of `frames`",
                cls.hidden.unique_id,
            )
        sound = host.progress(waveform, len(waveform))
        settings = {"old_sound": old_sound, "gain_db": gain_db, "old_gain_db": old_gain_db}
        clip, player = write_clip(frames, sound, container, filename_prefix, cls.hidden, settings)
        return io.NodeOutput(clip, ui=player)


def write_clip(
    frames: Frames,
    sound: Iterable[Tensor],  # (2 s) at 48 kHz
    container: str,
    filename_prefix: str,
    hidden: io.HiddenHolder,
    settings: Mapping[str, Any],
) -> tuple[Input.Video, ui.PreviewVideo]:
    """The written file as VIDEO, and a player for the node; `settings` are those of `mux`."""
    size = (frames.width, frames.height)
    target, saved = host.output_file(filename_prefix, container, size)
    mux(frames, sound, target, metadata=host.graph_metadata(hidden), **settings)
    return InputImpl.VideoFromFile(str(target)), ui.PreviewVideo([saved])


def picture(video: Input.Video | None, frames: Frames | None, with_sound: bool = False) -> Frames:
    """The one clip that is given, as frames."""
    if (video is None) == (frames is None):
        raise ValueError(ONE_CLIP)
    return frames_of(video, with_sound) if frames is None else frames


def _single(waveform: Tensor) -> Tensor:  # (b c s) -> (c s)
    if len(waveform) != 1:
        raise ValueError(
            f"got a batch of {len(waveform)} sounds; expected one for one video; "
            "choose one of them first"
        )
    return waveform[0]
