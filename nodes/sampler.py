"""Causal AR Sampler (ECT head): what is seen becomes latents of sound, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io
from einops import rearrange
from torch import Tensor

from ..sr_core.sampling.settings import CONTEXTS, METHODS, Settings
from ..sr_core.soundtrack.clip import sample_clip
from ..sr_core.soundtrack.clip_state import PAST_TWICE, ClipState, begin_clip
from . import host, page, schema
from .grid import Grid
from .state import OUT_TIP, TEXT_TIP, TIP

DEFAULT = Settings()


def sampling_inputs(most_steps: int = 100) -> list[io.Input]:
    """Choices that change how any clip sounds."""
    return [
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=2**63 - 1,
            control_after_generate=True,
            tooltip=(
                "Chooses one of the possible sounds. The same seed draws the same noise on every "
                "machine."
            ),
        ),
        io.Int.Input(
            "steps",
            default=DEFAULT.steps,
            min=1,
            max=most_steps,
            tooltip=(
                "Evaluations of the head for each frame, 1 to 4 (default 4). 1 is fastest, and "
                "with `micro` a little less in time."
                + (" With method 'heun' about 16." if most_steps > 4 else "")
            ),
        ),
        io.Float.Input(
            "guidance",
            default=DEFAULT.guidance,
            min=0.0,
            max=20.0,
            step=0.1,
            tooltip=(
                "How closely the sound follows the picture (default 2). 1 is no guidance and the "
                "fastest; 3 is louder and denser, more exaggerates."
            ),
        ),
    ]


def text_input() -> io.String.Input:
    """A socket, not a field: most checkpoints read no text."""
    return io.String.Input("text", optional=True, lazy=True, force_input=True, tooltip=TEXT_TIP)


def method_input() -> io.Combo.Input:
    return io.Combo.Input(
        "method",
        options=list(METHODS),
        default=DEFAULT.method,
        tooltip=(
            "How a latent is drawn. 'consistency' for tuned checkpoints and for `micro`, in 1 to 4 "
            "steps; 'heun' for other checkpoints of the diffusion stage, in about 16, slower."
        ),
    )


def check_settings(inputs: Mapping[str, Any]) -> list[str]:
    """The inputs by name, to be worked out; raises ValueError where they do not go together."""
    if "prompt" in inputs and "state" in inputs:
        raise ValueError(PAST_TWICE)
    Settings(inputs["steps"], inputs["guidance"], inputs["method"])
    return list(inputs)


class Sampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorSampler",
            display_name="Causal AR Sampler (ECT head)",
            description="Draws one latent of sound for every frame, seeing only the past.",
            search_aliases=["soundreactor", "ksampler", "foley", "video to audio", "v2a"],
            inputs=[
                schema.Model.Input("model", lazy=True, tooltip="From Load SoundReactor Model."),
                schema.Grid.Input(
                    "grid",
                    lazy=True,
                    tooltip="From Temporal Difference, or other features the model was trained on.",
                ),
                *sampling_inputs(),
                method_input(),
                io.Combo.Input(
                    "context",
                    options=list(CONTEXTS),
                    default=DEFAULT.context,
                    tooltip=(
                        "What the model remembers of long clips. 'window': the last frames, no "
                        "limit of length. 'trained': refuses clips longer than in training. 'ntk' "
                        "and 'interpolate': everything, stretched; more memory, less sharp timing."
                    ),
                ),
                io.Latent.Input(
                    "prompt",
                    optional=True,
                    lazy=True,
                    tooltip=(
                        "Sound that comes before this clip and is continued by it, from VAE Encode "
                        "with align 'end'. It is not part of the result."
                    ),
                ),
                schema.State.Input("state", optional=True, lazy=True, tooltip=TIP),
                text_input(),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="latent",
                    tooltip="30 latents a second, batch x channels x time, for VAE Decode (audio).",
                ),
                schema.State.Output(display_name="state", tooltip=OUT_TIP),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def check_lazy_status(cls, **inputs: Any) -> list[str]:
        return check_settings(inputs)

    @classmethod
    @schema.node_run
    def execute(
        cls,
        model: host.Part,
        grid: Grid,
        seed: int,
        steps: int,
        guidance: float,
        method: str,
        context: str,
        prompt: Mapping[str, Any] | None = None,
        state: ClipState | None = None,
        text: str | None = None,
    ) -> io.NodeOutput:
        past, loaded = _prompt(prompt, model), model.loaded
        length = grid.features.count + (0 if past is None else past.shape[1])
        settings = Settings(steps, guidance, method, context, length)
        host.move_to_device(model, grid.part)
        start = begin_clip(state, loaded.pipeline, loaded.source, settings, seed, past, text)
        tell = page.teller(cls.hidden.unique_id)
        latents, end = sample_clip(grid.features, start, host.output_device(), tell, host.progress)
        samples = grid.features.frames.samples(loaded.pipeline.config.audio.sample_rate)
        latent = pack_latent(rearrange(latents, "b t k -> b k t"), samples)
        own = {"before": start.decoding, "surplus": start.surplus, "decoding": end.decoding}
        return io.NodeOutput(latent | own, end)


def pack_latent(samples: Tensor, sample_count: int) -> dict[str, Any]:  # (b k t)
    """Core's LATENT, and the sound's exact length; its nodes carry keys they do not know along."""
    return {"samples": samples, "type": "audio", "sample_count": sample_count}


def unpack_latent(latent: Mapping[str, Any], part: host.Part) -> Tensor:  # -> (b t k)
    """Core's LATENT as latents of the checkpoint that `part` is of; others are an error."""
    samples, channels = latent["samples"], part.loaded.pipeline.config.audio.latent_channels
    if samples.ndim != 3 or samples.shape[1] != channels:
        raise ValueError(
            f"got a latent of shape {tuple(samples.shape)}; expected one of sound, (batch, "
            f"{channels}, frames); connect a Causal AR Sampler, or a VAE Encode (SoundReactor), of "
            "the same checkpoint"
        )
    return rearrange(samples, "b k t -> b t k")


def _prompt(latent: Mapping[str, Any] | None, model: host.Part) -> Tensor | None:
    """The prompt's latents (b t k); its last one must be of sound to its end."""
    if latent is None:
        return None
    samples, hop = unpack_latent(latent, model), model.loaded.pipeline.config.audio.hop
    made = samples.shape[1] * hop + latent.get("surplus", 0)
    padding = made - latent.get("sample_count", made)
    if padding:
        raise ValueError(
            f"got a prompt that ends with {padding} samples of padding; expected sound to the end; "
            "set align to 'end' on its VAE Encode node"
        )
    return samples
