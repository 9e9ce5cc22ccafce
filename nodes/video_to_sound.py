"""Video to Sound: the complete pipeline in one node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from comfy_api.latest import Input, InputImpl, io
from torch import Tensor

from ..sr_core.io.read.frames import Frames
from ..sr_core.sampling.settings import Settings
from ..sr_core.soundtrack.file import soundtrack, write_clip
from . import host, page, schema
from .audio import pack_audio
from .frames import (
    ABSENT,
    check_file,
    check_source,
    fingerprint_file,
    frames_of,
    open_clip,
    source_inputs,
)
from .load import checkpoint_input, load
from .mux import file_inputs, new_file
from .prefix import check_prefix
from .sampling import sampling_inputs, settings_for


class VideoToSound(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorVideoToSound",
            display_name="Video to Sound (foley) · all steps in one node",
            description="Generates stereo sound for a clip and writes both to one file.",
            search_aliases=["foley", "sound effects", "sfx", "video to audio", "v2a"],
            inputs=[
                checkpoint_input(),
                *source_inputs(),
                *sampling_inputs(most_steps=4),
                *file_inputs(),
            ],
            outputs=[
                io.Video.Output(
                    display_name="video",
                    tooltip="The clip with its new sound, which also plays on the node.",
                ),
                io.Audio.Output(
                    display_name="audio",
                    tooltip="The new sound only: stereo at 48000 Hz, exactly as long as the clip.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, file, video=ABSENT, images=ABSENT) -> bool | str:
        return check_file(file, video, images)

    @classmethod
    def check_lazy_status(cls, **inputs: Any) -> list[str]:
        check_prefix(inputs["filename_prefix"])
        return check_source(inputs, cls.hidden)

    @classmethod
    def fingerprint_inputs(cls, checkpoint: str, file: str | None = None, **others: Any) -> str:
        return host.fingerprint(host.checkpoint_path(checkpoint)) + fingerprint_file(file)

    @classmethod
    @schema.node_run
    def execute(
        cls,
        checkpoint: str,
        file: str,
        fps: float,
        seed: int,
        steps: int,
        guidance: float,
        container: str,
        old_sound: str,
        filename_prefix: str,
        video: Input.Video | None = None,
        images: Tensor | None = None,
        video_info: Mapping[str, Any] | None = None,
    ) -> io.NodeOutput:
        clip = open_clip(file, fps, video, images, video_info)
        frames = frames_of(clip, old_sound)
        loaded = load(checkpoint, cls.hidden.unique_id)
        settings = settings_for(loaded.pipeline, steps, guidance)
        made: list[Tensor] = []
        sound = _sound(frames, loaded, settings, seed, made, cls.hidden.unique_id)
        target, player = new_file(filename_prefix, container, frames)
        metadata = host.graph_metadata(cls.hidden)
        write_clip(loaded.pipeline, frames, sound, target, old_sound, metadata=metadata)
        waveform = torch.cat(made, dim=-1)[None, ..., : frames.samples()].to(host.output_device())
        audio = pack_audio(waveform, host.Part(loaded, "vae"), cls.hidden.unique_id)
        return io.NodeOutput(InputImpl.VideoFromFile(str(target)), audio, ui=player)


def _sound(
    frames: Frames,
    loaded: host.Loaded,
    settings: Settings,
    seed: int,
    made: list[Tensor],
    node_id: str,
) -> Iterator[Tensor]:
    """Generate the clip's sound (c s) step by step for the muxer; also appends it to `made`."""
    host.move_to_device(*host.parts(loaded))
    tell = page.teller(node_id)
    pieces = soundtrack(loaded.pipeline, frames, settings, seed, tell=tell, at_once=1)
    for piece in host.progress(pieces, frames.count):
        made.append(piece)
        yield piece
