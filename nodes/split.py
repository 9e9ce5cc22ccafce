"""Split Frames: splits a clip in two."""

from __future__ import annotations

from fractions import Fraction

from comfy_api.latest import io

from ..sr_core.io.read.frames import Frames, PartOfFrames
from . import schema


class SplitFrames(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorSplitFrames",
            display_name="Split Frames · cut a clip in two",
            description="Splits a clip in two, to generate its sound again from any time on.",
            search_aliases=["soundreactor", "trim", "cut", "shots", "redo", "segment"],
            inputs=[
                schema.Frames.Input("frames", tooltip="From Frame Loader or another Split Frames."),
                io.Float.Input(
                    "seconds",
                    default=1.0,
                    min=0.0,
                    max=1e6,
                    step=0.1,
                    tooltip=(
                        "Start of the second part, in seconds from the beginning of these "
                        "frames; rounded to the nearest 1/30 s."
                    ),
                ),
            ],
            outputs=[
                schema.Frames.Output(display_name="before", tooltip="The first part."),
                schema.Frames.Output(
                    display_name="after",
                    tooltip="The second part, for a node with the state of the first part's node.",
                ),
            ],
        )

    @classmethod
    @schema.node_run
    def execute(cls, frames: Frames, seconds: float) -> io.NodeOutput:
        place = round(seconds * frames.rate) / frames.rate
        if not 0 < place < frames.duration:
            raise ValueError(
                f"got {seconds:g} seconds; expected a time inside the clip of "
                f"{float(frames.duration):.3f} s, at least 1/30 s from its ends; change seconds"
            )
        before = PartOfFrames(frames, Fraction(0), place)
        return io.NodeOutput(before, PartOfFrames(frames, place))
