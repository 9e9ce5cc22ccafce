"""DINOv2 Encoder and Temporal Difference: compute the model's visual features."""

from __future__ import annotations

from comfy_api.latest import io

from ..sr_core.io.read.frames import Frames
from ..sr_core.soundtrack.features import difference, encode
from . import host, schema
from .grid import Grid


class EncodeVision(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorVisionEncoder",
            display_name="DINOv2 Encoder · video to features",
            description="Computes a grid of visual features for each frame.",
            search_aliases=["soundreactor", "vision encoder", "video features", "clip vision"],
            inputs=[
                schema.Frames.Input(
                    "frames",
                    tooltip="From Frame Loader. Any size; resized to the encoder's, not cropped.",
                ),
                schema.Vision.Input("vision", tooltip="From Load SoundReactor Model."),
                io.Int.Input(
                    "cache_mb",
                    default=512,
                    min=0,
                    max=65536,
                    step=64,
                    tooltip=(
                        "Size of the feature cache in MB of RAM (not GPU memory); with cached "
                        "features the next seed starts at once. The paper's model needs 190 MB "
                        "per minute. Clips that do not fit are encoded again in every run."
                    ),
                ),
            ],
            outputs=[
                schema.Grid.Output(
                    display_name="grid",
                    tooltip="Features of each frame, computed when the sampler reads them.",
                )
            ],
        )

    @classmethod
    @schema.node_run
    def execute(cls, frames: Frames, vision: host.Part, cache_mb: int) -> io.NodeOutput:
        return io.NodeOutput(
            Grid(vision, encode(frames, vision.loaded.pipeline, cache_bytes=cache_mb << 20))
        )


class TemporalDifference(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorTemporalDifference",
            display_name="Temporal Difference · motion between frames",
            description="Appends to each frame's features their change since the last frame.",
            search_aliases=["soundreactor", "motion", "frame difference"],
            inputs=[
                schema.Grid.Input(
                    "grid",
                    tooltip="From DINOv2 Encoder. The change of the first frame is zero.",
                )
            ],
            outputs=[
                schema.Grid.Output(
                    display_name="grid",
                    tooltip=(
                        "Features and their change, with twice as many channels, for Causal AR "
                        "Sampler. The change represents motion, which determines the timing."
                    ),
                )
            ],
        )

    @classmethod
    @schema.node_run
    def execute(cls, grid: Grid) -> io.NodeOutput:
        return io.NodeOutput(grid._replace(features=difference(grid.features)))
