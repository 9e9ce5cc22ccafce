"""Load SoundReactor Model: a checkpoint as three sockets."""

from __future__ import annotations

from comfy_api.latest import io

from . import host, page, schema


def checkpoint_input() -> io.Combo.Input:
    return io.Combo.Input(
        "checkpoint",
        options=host.checkpoint_names(),
        tooltip=(
            "The model: a .safetensors file from models/soundreactor, or a [bundled] one that "
            "comes with this package: micro knows games like Doom, and little else. None is "
            "published for other footage yet: see 'Train your own' in the README."
        ),
    )


def load(checkpoint: str, node_id: str) -> host.Loaded:
    """The checkpoint; an untrained one says so."""
    loaded = host.load_checkpoint(checkpoint)
    for complaint in loaded.pipeline.complaints():
        page.warn(f"{checkpoint} {complaint}", node_id)
    return loaded


class LoadModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorLoadModel",
            display_name="Load SoundReactor Model",
            description="Loads a checkpoint that makes stereo sound for video.",
            search_aliases=["foley", "video to audio", "v2a", "sound effects", "soundreactor"],
            inputs=[checkpoint_input()],
            outputs=[
                schema.Model.Output(
                    display_name="model",
                    tooltip="The trained network that draws the sound, for the Causal AR Sampler.",
                ),
                schema.Vision.Output(
                    display_name="vision",
                    tooltip="The frozen image encoder it was trained with, for the DINOv2 Encoder.",
                ),
                schema.VAE.Output(
                    display_name="vae",
                    tooltip="Turns sound into latents and back, for VAE Decode and VAE Encode.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def fingerprint_inputs(cls, checkpoint: str) -> str:
        return host.fingerprint(host.checkpoint_path(checkpoint))

    @classmethod
    @schema.node_run
    def execute(cls, checkpoint: str) -> io.NodeOutput:
        loaded = load(checkpoint, cls.hidden.unique_id)
        return io.NodeOutput(*(host.Part(loaded, name) for name in ("model", "vision", "vae")))
