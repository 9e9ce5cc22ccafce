"""Causal AR Sampler (ECT head): what is seen becomes latents of sound, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from comfy_api.latest import io
from einops import rearrange
from torch import Tensor

from ..sr_core.sampling.autoregressive import sample_latents, start_sampler
from ..sr_core.sampling.settings import CONTEXTS, METHODS, Settings
from . import host, schema
from .grid import Grid


def sampling_inputs() -> list[io.Input]:
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
            default=4,
            min=1,
            max=100,
            tooltip=(
                "Evaluations of the head for each frame: 1 to 4 with 'consistency' (default 4; 1 "
                "is fastest and plainest), about 16 with 'heun'."
            ),
        ),
        io.Float.Input(
            "guidance",
            default=3.0,
            min=0.0,
            max=20.0,
            step=0.1,
            tooltip=(
                "How closely the sound follows the picture (default 3). 1 is no guidance and the "
                "fastest; much more than 4 exaggerates."
            ),
        ),
    ]


class Sampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorSampler",
            display_name="Causal AR Sampler (ECT head)",
            description="Draws one latent of sound for every frame, seeing only the past.",
            search_aliases=["soundreactor", "ksampler", "foley", "video to audio", "v2a"],
            inputs=[
                schema.Model.Input("model", tooltip="From Load SoundReactor Model."),
                schema.Grid.Input(
                    "grid",
                    tooltip="From Temporal Difference, or other features the model was trained on.",
                ),
                *sampling_inputs(),
                io.Combo.Input(
                    "method",
                    options=list(METHODS),
                    default="consistency",
                    tooltip=(
                        "How a latent is drawn. 'consistency' for tuned checkpoints, in 1 to 4 "
                        "steps; 'heun' for checkpoints of the diffusion stage, slower."
                    ),
                ),
                io.Combo.Input(
                    "context",
                    options=list(CONTEXTS),
                    default="window",
                    tooltip=(
                        "What the model remembers of long clips. 'window': the last frames, no "
                        "limit of length. 'trained': refuses clips longer than in training. 'ntk' "
                        "and 'interpolate': everything, stretched; more memory, less sharp timing."
                    ),
                ),
                io.Latent.Input(
                    "prompt",
                    optional=True,
                    tooltip=(
                        "Sound that comes before this clip and is continued by it, from VAE Encode "
                        "with align 'end'. It is not part of the result."
                    ),
                ),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="latent",
                    tooltip="30 latents a second, batch x channels x time, for VAE Decode (audio).",
                )
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
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
    ) -> io.NodeOutput:
        past = _prompt(prompt, model)
        length = grid.count + (0 if past is None else past.shape[1])
        settings = Settings(steps, guidance, method, context, length)
        host.move_to_device(model, grid.part)
        state, latents = start_sampler(model.module, settings, seed, prompt=past), []
        grids = host.watched(grid.pieces(), model, cls.hidden.unique_id)
        for piece in host.progress(grids, grid.count):
            latent, state = sample_latents(model.module, piece, state)
            latents.append(latent.float().to(host.output_device()))
        samples = rearrange(torch.cat(latents, dim=1), "b t k -> b k t")
        count = grid.frames.samples()
        return io.NodeOutput(pack_latent(samples, count, None if past is None else prompt))


def pack_latent(
    samples: Tensor,  # (b k t)
    sample_count: int,
    prompt: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Core's LATENT, and what VAE Decode needs to be exact: the sound's length, what came before.

    Core's nodes carry keys they do not know along.
    """
    latent = {"samples": samples, "type": "audio", "sample_count": sample_count}
    return latent if prompt is None else {**latent, "prompt": prompt["samples"]}


def _prompt(latent: Mapping[str, Any] | None, model: host.Part) -> Tensor | None:
    """The prompt's latents (b t k); its last one must be of sound to its end."""
    if latent is None:
        return None
    samples, hop = latent["samples"], model.loaded.pipeline.config.audio.hop
    padding = samples.shape[-1] * hop - latent.get("sample_count", samples.shape[-1] * hop)
    if padding:
        raise ValueError(
            f"got a prompt that ends with {padding} samples of padding; expected sound to the end; "
            "set align to 'end' on its VAE Encode node"
        )
    return rearrange(samples, "b k t -> b t k")
