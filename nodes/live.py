"""SoundReactor Live: plays sound during its generation."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import Input, io

from ..sr_core.io.read.frames import Frames
from ..sr_core.soundtrack.clip import play_clip
from ..sr_core.soundtrack.clip_state import ClipState, begin_clip
from ..sr_core.soundtrack.features import check_rate
from . import host, page, schema
from .mux import check_clip, picture
from .player import Player
from .sampler import check_settings, text_input
from .sampling import method_input, sampling_inputs, settings_for
from .state import OUT_TIP, TIP


class Live(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorLive",
            display_name="SoundReactor Live · play while generating",
            description="Generates a clip's sound frame by frame and plays it on the node.",
            search_aliases=["soundreactor", "live audio", "stream", "real time", "foley", "v2a"],
            inputs=[
                schema.Model.Input(
                    "model",
                    lazy=True,
                    tooltip="From Load SoundReactor Model; vision and vae are included.",
                ),
                *sampling_inputs(),
                method_input(),
                io.Video.Input(
                    "video",
                    optional=True,
                    lazy=True,
                    tooltip="The clip as VIDEO, decoded frame by frame. Connect this or frames.",
                ),
                schema.Frames.Input(
                    "frames",
                    optional=True,
                    lazy=True,
                    tooltip="The clip as frames, from Frame Loader or Split Frames, or video.",
                ),
                schema.State.Input("state", optional=True, lazy=True, tooltip=TIP),
                text_input(),
            ],
            outputs=[
                io.Audio.Output(
                    display_name="audio",
                    tooltip="The complete sound, exactly as long as the clip.",
                ),
                schema.State.Output(display_name="state", tooltip=OUT_TIP),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def check_lazy_status(cls, **inputs: Any) -> list[str]:
        check_clip(inputs, cls.hidden)
        return check_settings(inputs)

    @classmethod
    @schema.node_run
    def execute(
        cls,
        model: host.Part,
        seed: int,
        steps: int,
        guidance: float,
        method: str,
        video: Input.Video | None = None,
        frames: Frames | None = None,
        state: ClipState | None = None,
        text: str | None = None,
    ) -> io.NodeOutput:
        clip, loaded = picture(video, frames), model.loaded
        pipeline = loaded.pipeline
        settings = settings_for(pipeline, steps, guidance, method)
        check_rate(clip, pipeline)
        host.move_to_device(*host.parts(loaded))
        start = begin_clip(state, pipeline, loaded.source, settings, seed, text=text)
        tell, device = page.teller(cls.hidden.unique_id), host.output_device()
        with Player(pipeline.config.audio, clip, cls.hidden) as player:
            end = play_clip(clip, pipeline, start, player.add, device, tell, host.progress)
        return io.NodeOutput(player.audio(), end, ui=player.ui())
