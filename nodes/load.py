"""Load SoundReactor Model: loads a checkpoint; one output for each of its three modules."""

from __future__ import annotations

from comfy_api.latest import io

from . import host, page, schema


def checkpoint_input() -> io.Combo.Input:
    return io.Combo.Input(
        "checkpoint",
        options=host.checkpoint_names(),
        tooltip=(
            "The model: a .safetensors file of models/soundreactor, or a [bundled] one of this "
            "package: micro is trained on games like Doom only. No checkpoint for other footage "
            "is published yet: see 'Train your own' in the README."
        ),
    )


def load(checkpoint: str, node_id: str) -> host.Loaded:
    """Load a checkpoint; warns on the node if it is untrained."""
    loaded = host.load_checkpoint(checkpoint)
    for message in loaded.pipeline.complaints():
        page.warn(f"{checkpoint} {message}", node_id)
    return loaded


class LoadModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorLoadModel",
            display_name="Load SoundReactor Model",
            description="Loads a checkpoint that generates stereo sound for video.",
            search_aliases=["foley", "video to audio", "v2a", "sound effects", "soundreactor"],
            inputs=[checkpoint_input()],
            outputs=[
                schema.Model.Output(
                    display_name="model",
                    tooltip="The trained network that generates latents, for Causal AR Sampler.",
                ),
                schema.Vision.Output(
                    display_name="vision",
                    tooltip="The frozen image encoder used in training, for DINOv2 Encoder.",
                ),
                schema.VAE.Output(
                    display_name="vae",
                    tooltip="The audio autoencoder, for VAE Decoder and VAE Encoder.",
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
