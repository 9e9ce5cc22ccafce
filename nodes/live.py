"""SoundReactor Live: plays the sound while it is generated."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from comfy_api.latest import Input, io

from ..sr_core.engine.session import Session
from ..sr_core.io.read.frames import Frames
from ..sr_core.sampling.settings import Settings
from . import host, page, schema
from .decoding import Decoded, Decoding
from .grid import check_rate, later
from .mux import check_clip, picture
from .player import Player
from .sampler import check_settings, method_input, sampling_inputs
from .state import OUT_TIP, TIP, State, begin


class Live(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorLive",
            display_name="SoundReactor Live",
            description="Plays a clip's sound on the node while it is made, frame by frame.",
            search_aliases=["soundreactor", "live audio", "stream", "real time", "foley", "v2a"],
            inputs=[
                schema.Model.Input(
                    "model",
                    lazy=True,
                    tooltip="From Load SoundReactor Model; its vision and vae come with it.",
                ),
                *sampling_inputs(),
                method_input(),
                io.Video.Input(
                    "video",
                    optional=True,
                    lazy=True,
                    tooltip="The clip as VIDEO. It is decoded frame by frame. This or frames.",
                ),
                schema.Frames.Input(
                    "frames",
                    optional=True,
                    lazy=True,
                    tooltip="The clip as frames, from Load Frames or Split Frames. This or video.",
                ),
                schema.State.Input("state", optional=True, lazy=True, tooltip=TIP),
            ],
            outputs=[
                io.Audio.Output(
                    display_name="audio",
                    tooltip="The whole sound when it is done: as long as the clip, to the sample.",
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
        state: State | None = None,
    ) -> io.NodeOutput:
        clip = picture(video, frames)
        check_rate(clip, model)
        host.move_to_device(*(host.Part(model.loaded, p) for p in ("vision", "model", "vae")))
        start = begin(state, model, Settings(steps, guidance, method), seed)
        player = Player(model.loaded.pipeline.config.audio.sample_rate, clip.samples(), cls.hidden)
        with player:
            end = _play(clip, start, model, player)
        return io.NodeOutput(player.audio(), end, ui=player.ui())


def _play(clip: Frames, start: State, model: host.Part, player: Player) -> State:
    """Give the clip's sound to the player, piece by piece; where it ends."""
    loaded, audio = model.loaded, model.loaded.pipeline.config.audio
    session = Session(
        loaded.pipeline, start.stream(loaded), lambda text: page.warn(text, player.node_id)
    )
    last = start.decoded(host.Part(loaded, "vae")).last
    if start.surplus:
        player.add(last[..., -start.surplus :])
    count = start.frames(clip.samples(), audio.hop)
    seconds = Fraction(start.surplus, audio.sample_rate)
    frames = later(clip, seconds).pieces(1) if count else iter(())
    for last in host.progress((session.step(frame[None]).float() for frame in frames), count):
        player.add(last)
    stream = session.state()
    decoding = Decoding.of(loaded.source, Decoded(last, stream.decoder))
    surplus = start.surplus + count * audio.hop - clip.samples()
    return start.after(stream.vision, stream.sampler, decoding, surplus)
