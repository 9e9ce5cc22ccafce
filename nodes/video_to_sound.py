"""Video to Sound: the whole road in one node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from comfy_api.latest import Input, io
from torch import Tensor

from ..sr_core.io.video import Frames
from ..sr_core.sampling.settings import Settings
from . import host, schema
from .audio import pack_audio
from .frames import check_file, fingerprint_file, open_source, source_inputs
from .load import checkpoint_input, load
from .mux import file_inputs, write_clip
from .sampler import sampling_inputs


class VideoToSound(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorVideoToSound",
            display_name="Video to Sound (SoundReactor)",
            description="Gives a clip generated stereo sound and writes it as a file.",
            search_aliases=["foley", "sound effects", "sfx", "video to audio", "v2a"],
            inputs=[
                checkpoint_input(),
                *source_inputs(),
                *sampling_inputs(),
                *file_inputs(),
            ],
            outputs=[
                io.Video.Output(
                    display_name="video",
                    tooltip="The clip with its new sound; it also plays on the node.",
                ),
                io.Audio.Output(
                    display_name="audio",
                    tooltip="The new sound alone: stereo at 48000 Hz, as long as the clip.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        return check_file(file)

    @classmethod
    def fingerprint_inputs(cls, checkpoint: str, file: str | None = None, **others: Any) -> str:
        return host.fingerprint(host.checkpoint_path(checkpoint)) + fingerprint_file(file)
