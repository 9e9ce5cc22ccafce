"""Causal AR Sampler (ECT head): draws latents of sound from visual features, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from comfy_api.latest import io
from einops import rearrange
from torch import Tensor

from ..sr_core.sampling.settings import CONTEXTS, Settings
from ..sr_core.soundtrack.clip import sample_clip
from ..sr_core.soundtrack.clip_state import PAST_TWICE, ClipState, begin_clip
from . import host, page, schema
from .grid import Grid
from .sampling import check_choice, method_input, sampling_inputs, settings_for
from .state import OUT_TIP, TEXT_TIP, TIP


def text_input() -> io.String.Input:
    """Text input; a socket without a widget, since most checkpoints have no text conditioning."""
    return io.String.Input("text", optional=True, lazy=True, force_input=True, tooltip=TEXT_TIP)


def check_settings(inputs: Mapping[str, Any]) -> list[str]:
    """The names of all connected inputs; raises ValueError for invalid combinations."""
    if "prompt" in inputs and "state" in inputs:
        raise ValueError(PAST_TWICE)
    check_choice(inputs["steps"], inputs["guidance"], inputs["method"])
    return list(inputs)


class Sampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorSampler",
            display_name="Causal AR Sampler (ECT head) · generate sound",
            description="Draws one latent of sound per frame, from current and past frames only.",
            search_aliases=["soundreactor", "ksampler", "foley", "video to audio", "v2a"],
            inputs=[
                schema.Model.Input("model", lazy=True, tooltip="From Load SoundReactor Model."),
                schema.Grid.Input(
                    "grid",
                    lazy=True,
                    tooltip="From Temporal Difference, or features like those used in training.",
                ),
                *sampling_inputs(),
                method_input(),
                io.Combo.Input(
                    "context",
                    options=list(CONTEXTS),
                    default=Settings.context,
                    tooltip=(
                        "Attention context for long clips. 'window': the last frames, any length. "
                        "'trained': refuses clips longer than in training. 'ntk' and "
                        "'interpolate': the whole clip with scaled positions; more memory, less "
                        "exact timing."
                    ),
                ),
                io.Latent.Input(
                    "prompt",
                    optional=True,
                    lazy=True,
                    tooltip=(
                        "Sound before this clip, which the result continues, from VAE Encoder with "
                        "align 'end'. It is not part of the result."
                    ),
                ),
                schema.State.Input("state", optional=True, lazy=True, tooltip=TIP),
                text_input(),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="latent",
                    tooltip="30 latents per second, batch x channels x time, for VAE Decoder.",
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
        settings = settings_for(loaded.pipeline, steps, guidance, method)
        settings = replace(settings, context=context, length=length)
        host.move_to_device(model, grid.part)
        start = begin_clip(state, loaded.pipeline, loaded.source, settings, seed, past, text)
        tell = page.teller(cls.hidden.unique_id)
        latents, end = sample_clip(grid.features, start, host.output_device(), tell, host.progress)
        samples = grid.features.frames.samples(loaded.pipeline.config.audio.sample_rate)
        latent = pack_latent(rearrange(latents, "b t k -> b k t"), samples)
        state_keys = {"before": start.decoding, "surplus": start.surplus, "decoding": end.decoding}
        return io.NodeOutput(latent | state_keys, end)


def pack_latent(samples: Tensor, sample_count: int) -> dict[str, Any]:  # (b k t)
    """ComfyUI's LATENT with the sound's exact length; its nodes pass unknown keys through."""
    return {"samples": samples, "type": "audio", "sample_count": sample_count}


def unpack_latent(latent: Mapping[str, Any], part: host.Part) -> Tensor:  # -> (b t k)
    """The latents of ComfyUI's LATENT; raises ValueError unless they fit `part`'s checkpoint."""
    samples, channels = latent["samples"], part.loaded.pipeline.config.audio.latent_channels
    if samples.ndim != 3 or samples.shape[1] != channels:
        raise ValueError(
            f"got a latent of shape {tuple(samples.shape)}; expected sound latents (batch, "
            f"{channels}, frames); connect a Causal AR Sampler or VAE Encoder (SoundReactor) of "
            "the same checkpoint"
        )
    return rearrange(samples, "b k t -> b t k")


def _prompt(latent: Mapping[str, Any] | None, model: host.Part) -> Tensor | None:
    """The prompt's latents (b t k); raises ValueError if the last one contains padding."""
    if latent is None:
        return None
    samples, hop = unpack_latent(latent, model), model.loaded.pipeline.config.audio.hop
    made = samples.shape[1] * hop + latent.get("surplus", 0)
    padding = made - latent.get("sample_count", made)
    if padding:
        raise ValueError(
            f"got a prompt that ends with {padding} samples of padding; expected no padding; "
            "set align to 'end' on its VAE Encoder node"
        )
    return samples
