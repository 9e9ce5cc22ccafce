"""ComfyUI nodes, one per stage of the pipeline; imported by `comfy_entrypoint` only."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from . import host
from .audio import VAEDecode, VAEEncode
from .frames import LoadFrames
from .live import Live
from .load import LoadModel
from .mux import MuxAudio
from .sampler import Sampler
from .split import SplitFrames
from .video_to_sound import VideoToSound
from .vision import EncodeVision, TemporalDifference


class SoundReactorExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        host.register_model_folder()
        return [
            LoadModel,
            LoadFrames,
            EncodeVision,
            TemporalDifference,
            Sampler,
            VAEDecode,
            VAEEncode,
            MuxAudio,
            VideoToSound,
            Live,
            SplitFrames,
        ]
