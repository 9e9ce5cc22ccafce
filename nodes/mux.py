"""Audio Muxer: writes the clip and its sound to one file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from comfy_api.latest import Input, InputImpl, Types, io, ui
from torch import Tensor
from torch.nn.functional import pad

from ..sr_core.io.choices import OLD_SOUND, WRITABLE
from ..sr_core.io.read.frames import Frames, ImageFrames
from ..sr_core.io.read.video import VideoFrames
from ..sr_core.io.write.mux import mux
from ..sr_core.rates import SAMPLE_RATE
from . import host, page, schema
from .audio import unpack_audio
from .frames import ABSENT, as_shown, frames_of
from .graph import refuse_batches
from .prefix import check_prefix

CONTAINERS = tuple(suffix.removeprefix(".") for suffix in WRITABLE)
NO_CLIP = "got no clip; expected one; connect either video or frames"
TWO_CLIPS = "got both video and frames; expected one of them; disconnect the other"
NOT_CARRIED = (
    "got frames without sound; expected sound to {}; connect the clip to `video` instead of "
    "`frames`"
)
ROUNDING = SAMPLE_RATE // 1000  # samples, difference in length without a warning (1 ms)


def file_inputs() -> list[io.Input]:
    """Inputs that set how the file is written."""
    return [
        io.Combo.Input(
            "container",
            options=list(CONTAINERS),
            default=CONTAINERS[0],
            tooltip=(
                "mp4: AAC sound, plays everywhere (default). mov: uncompressed PCM. mkv: lossless "
                "FLAC, few browsers play it. webm: Opus, for VP8, VP9 and AV1 video only."
            ),
        ),
        io.Combo.Input(
            "old_sound",
            options=list(OLD_SOUND),
            default=OLD_SOUND[0],
            tooltip=(
                "The clip's own sound. drop: remove it (default). keep: as a second track. "
                "mix: one track of both, with the two gains."
            ),
        ),
        io.String.Input(
            "filename_prefix",
            default="video/SoundReactor",
            tooltip=(
                "Subfolder and beginning of the name in the output folder; a number is appended, "
                "so no file is overwritten. %date:yyyy-MM-dd% and %Node.widget% are replaced as "
                "in ComfyUI's Save nodes."
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
        tooltip=f"Gain of {what} in dB: 0 = unchanged, -6 = half. High values clip.",
    )


class MuxAudio(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorMuxAudio",
            display_name="Audio Muxer · save video with sound",
            description="Writes the clip with its sound. Video is copied, not encoded again.",
            search_aliases=["soundreactor", "save video", "combine audio", "video combine", "mux"],
            inputs=[
                io.Audio.Input(
                    "audio",
                    optional=True,
                    lazy=True,
                    tooltip=(
                        "Mono or stereo. Shorter sound is followed by silence, longer sound is "
                        "cut, with a warning on the node. Without it the clip is passed through."
                    ),
                ),
                io.Video.Input(
                    "video",
                    optional=True,
                    lazy=True,
                    tooltip="The clip as VIDEO, from Frame Loader or any node. Or use frames.",
                ),
                schema.Frames.Input(
                    "frames",
                    optional=True,
                    lazy=True,
                    tooltip="The clip as frames of Frame Loader. Or use video.",
                ),
                *file_inputs(),
                gain_input("gain_db", "the new sound"),
                gain_input("old_gain_db", "the clip's own sound with old_sound 'mix'"),
            ],
            outputs=[
                io.Video.Output(
                    display_name="video",
                    tooltip=(
                        "The written file, which also plays on the node. Without audio: the "
                        "unchanged clip with its own sound."
                    ),
                )
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def check_lazy_status(cls, **inputs: Any) -> list[str]:
        check_prefix(inputs["filename_prefix"])
        return check_clip(inputs, cls.hidden)

    @classmethod
    @schema.node_run
    def execute(
        cls,
        container: str,
        old_sound: str,
        filename_prefix: str,
        gain_db: float,
        old_gain_db: float,
        audio: Any = ABSENT,  # AUDIO; None, from some packages
        video: Input.Video | None = None,
        frames: Frames | None = None,
    ) -> io.NodeOutput:
        if audio is ABSENT:
            return io.NodeOutput(_untouched(video, frames, cls.hidden.unique_id))
        frames = _with_old_sound(video, frames, old_sound, cls.hidden.unique_id)
        sound = _pieces_of(audio, frames, cls.hidden.unique_id)
        target, player = new_file(filename_prefix, container, frames)
        mux(
            frames,
            sound,
            target,
            old_sound=old_sound,
            gain_db=gain_db,
            old_gain_db=old_gain_db,
            metadata=host.graph_metadata(cls.hidden),
        )
        return io.NodeOutput(InputImpl.VideoFromFile(str(target)), ui=player)


def _with_old_sound(
    video: Input.Video | None, frames: Frames | None, old_sound: str, node_id: str
) -> Frames:
    """The one clip that is given, with a warning if its own sound is wanted and not carried."""
    carried = video is not None or isinstance(frames, VideoFrames)
    clip = picture(video, frames, old_sound)
    if old_sound != "drop" and not carried:
        page.warn(NOT_CARRIED.format(old_sound), node_id)
    return clip


def _pieces_of(
    audio: Mapping[str, Any] | None, frames: Frames, node_id: str
) -> Iterator[Tensor]:  # (2 s)
    """The sound as long as the clip, in pieces of a second."""
    waveform = _single(unpack_audio(audio, SAMPLE_RATE, node_id))
    pieces = fitted(waveform, frames, node_id).split(SAMPLE_RATE, dim=-1)
    return host.progress(pieces, len(pieces))


def check_clip(inputs: Mapping[str, Any], hidden: io.HiddenHolder) -> list[str]:
    """The names of all connected inputs; raises ValueError unless exactly one clip is connected."""
    if "video" not in inputs and "frames" not in inputs:
        raise ValueError(NO_CLIP)
    if "video" in inputs and "frames" in inputs:
        raise ValueError(TWO_CLIPS)
    refuse_batches(hidden, "video")
    return list(inputs)


def fitted(waveform: Tensor, frames: Frames, node_id: str) -> Tensor:  # (2 s) -> (2 s)
    """The sound cut or padded to the video's length, with a warning on the node."""
    surplus = waveform.shape[-1] - frames.samples(SAMPLE_RATE)
    if abs(surplus) > ROUNDING:
        lengths = [n / SAMPLE_RATE for n in (waveform.shape[-1], frames.samples(SAMPLE_RATE))]
        done = "its end is cut off" if surplus > 0 else "silence follows it"
        page.warn(
            f"the sound is {lengths[0]:.3f} s long, the picture {lengths[1]:.3f} s: "
            f"{abs(surplus) / SAMPLE_RATE:.3f} s too {'long' if surplus > 0 else 'short'}, {done}",
            node_id,
        )
    return pad(waveform, (0, -surplus))


def _untouched(video: Input.Video | None, frames: Frames | None, node_id: str) -> Input.Video:
    """The unchanged clip, if no sound is connected (for example, its node is bypassed)."""
    if video is None and isinstance(frames, VideoFrames):
        video = InputImpl.VideoFromFile(frames.source)
    elif video is None and isinstance(frames, ImageFrames):
        images, fps = frames.images, frames.fps
        components = Types.VideoComponents(images=images, audio=None, frame_rate=fps)
        video = InputImpl.VideoFromComponents(components)
    if video is None:
        raise ValueError(
            "got part of a clip and no sound; expected sound, or a whole clip to pass through; "
            "connect audio, or the clip to video instead of frames"
        )
    page.warn("no sound is connected: the clip is unchanged, and no file is written", node_id)
    return video


def new_file(filename_prefix: str, container: str, frames: Frames) -> tuple[Path, ui.PreviewVideo]:
    """The next free path for a clip in the output folder, and a player for the node."""
    size = (frames.width, frames.height)
    target, saved = host.output_file(filename_prefix, container, size)
    return target, ui.PreviewVideo([saved])


def picture(
    video: Input.Video | None, frames: Frames | None, old_sound: str | None = None
) -> Frames:
    """The clip as frames, from the one input that is given; `old_sound` as in `frames_of`."""
    if video is None and frames is None:
        raise ValueError(NO_CLIP)
    if video is not None and frames is not None:
        raise ValueError(TWO_CLIPS)
    return frames_of(as_shown(video), old_sound) if frames is None else frames


def _single(waveform: Tensor) -> Tensor:  # (b c s) -> (c s)
    if len(waveform) != 1:
        raise ValueError(
            f"got a batch of {len(waveform)} sounds; expected one, for one video; "
            "select one of them first"
        )
    return waveform[0]
