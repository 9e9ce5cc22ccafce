"""Autoregressive sampling: each latent is conditioned on past latents and frames up to its own."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...layers.attention import Context
from ...sampling.settings import Settings
from ...sampling.solvers import SAMPLERS, SIGMAS
from ..generator import Generator, GeneratorState
from .model import SoundReactor, SoundReactorConfig
from .transformer import PAIR, TransformerState


class Past(NamedTuple):
    """SoundReactor's cache of a stream."""

    transformer: TransformerState
    latent: Tensor  # (b k), the last latent, which is not yet in the transformer's cache


class SoundReactorGenerator(SoundReactor, Generator):
    """SoundReactor as a generator: one latent for each frame (arXiv 2510.02110, alg. 3)."""

    Config = SoundReactorConfig

    def begin(
        self, settings: Settings, seed: int, batch: int = 1, prompt: Tensor | None = None
    ) -> GeneratorState:
        """The state before the first frame, or after a `prompt` of latents (b t k)."""
        noise = torch.Generator().manual_seed(seed).get_state()
        if prompt is None or prompt.shape[1] == 0:
            return GeneratorState(settings, batch, noise)
        prompt = _checked_prompt(self, prompt, batch)[:, -_prompt_frames(self, settings) :]
        tokens = self.null_tokens(batch, prompt.shape[1])
        _, past = self.condition(tokens, prompt, context_of(self, settings))
        if keeps_null_history(settings):
            past = _rows(past, _twice)
        return GeneratorState(settings, batch, noise, Past(past, prompt[:, -1]))

    def step(self, tokens: Tensor, state: GeneratorState) -> tuple[Tensor, GeneratorState]:
        """The latent of one frame: (b 1 d) -> (b 1 k)."""
        z, past = _condition(self, tokens, state)
        generator = torch.Generator()
        generator.set_state(state.noise)
        noise = draw_noise(self, state.settings, state.batch, generator).to(z.device)
        latent = solve(self, z, noise, state.settings)
        state = state._replace(past=Past(past, latent), noise=generator.get_state())
        return latent[:, None], state


def _condition(
    model: SoundReactor, token: Tensor, state: GeneratorState
) -> tuple[Tensor, TransformerState]:
    """z of one frame with guidance (SoundReactor, alg. 3): token (b 1 d) -> (b 2d)."""
    settings, batch = state.settings, state.batch
    context = context_of(model, settings)
    guided, matched = settings.guidance != 1, keeps_null_history(settings)
    before, latent = state.past or (None, None)
    check_room(model, settings, before[0].position // PAIR if before else 0)
    audio = model.embed_audio(latent, batch)
    if matched:
        audio = torch.cat([audio, audio])
    audio_output, past = model.transformer(audio, before, context)
    rows = torch.cat([token, model.null_tokens(batch, 1)]) if guided else token
    if guided and not matched:
        vision_past = _rows(past, _twice)
    else:
        vision_past = past
    vision_output, past = model.transformer(model.vision_input(rows), vision_past, context)
    if guided:
        real, null = vision_output.chunk(2)
        vision_output = null + settings.guidance * (real - null)  # SoundReactor, alg. 3
        past = past if matched else _rows(past, lambda x: x[:batch])
    return torch.cat([audio_output[:batch], vision_output], dim=-1)[:, 0], past


def solve(model: SoundReactor, z: Tensor, noise: Tensor, settings: Settings) -> Tensor:
    """Draw latents from their conditions: (... 2d), (evaluations ... k) -> (... k)."""

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return model.head(x, x.new_full(x.shape[:-1], sigma), z)

    sigmas = SIGMAS[settings.method](settings.steps, model.config.head.sigma_data)
    return SAMPLERS[settings.method](denoise, noise, sigmas).to(z)


def draw_noise(
    model: SoundReactor, settings: Settings, batch: int, generator: torch.Generator
) -> Tensor:
    """Noise of one frame (evaluations b k), always drawn on the CPU."""
    count = settings.steps if settings.method == "consistency" else 1
    noise = torch.randn(count, batch, model.latent_channels, generator=generator)
    return noise.to(torch.promote_types(model.start.dtype, torch.float32))


def context_of(model: SoundReactor, settings: Settings) -> Context:
    """Attention context of `settings.context`; see `Settings`."""
    config = model.config.transformer
    stretch = max(1.0, (settings.length or 0) / config.train_frames)
    head_width = config.width // config.heads
    if settings.context == "window":
        return Context(config.rope_base, window=config.train_frames, group=PAIR)
    if settings.context == "ntk":
        return Context(config.rope_base * stretch ** (head_width / (head_width - 2)))
    if settings.context == "interpolate":
        return Context(config.rope_base, scale=stretch)
    return Context(config.rope_base)


def frame_limit(model: SoundReactor, settings: Settings) -> int | None:
    """Maximum number of frames of a stream, including its prompt; None: no limit."""
    if settings.context == "window":
        return None
    trained = model.config.transformer.train_frames
    return trained if settings.context == "trained" else max(trained, settings.length or 0)


def check_room(model: SoundReactor, settings: Settings, frames: int) -> None:
    """Raises ValueError if `frames` frames already fill the context."""
    limit = frame_limit(model, settings)
    if limit is not None and frames >= limit:
        raise ValueError(
            f"got more than {limit} frames (prompt included) with context {settings.context!r}; "
            "expected at most that many; use context 'window', which has no limit, or a larger "
            "length"
        )


def _prompt_frames(model: SoundReactor, settings: Settings) -> int:
    """Maximum number of prompt frames to which the first new frame attends."""
    return model.config.transformer.train_frames if settings.context == "window" else 1 << 62


def _checked_prompt(model: SoundReactor, prompt: Tensor, batch: int) -> Tensor:
    if prompt.ndim != 3 or prompt.shape[0] != batch or prompt.shape[2] != model.latent_channels:
        raise ValueError(
            f"got a prompt of shape {tuple(prompt.shape)}; expected ({batch}, time, "
            f"{model.latent_channels}) latents; encode the sound with this checkpoint's VAE"
        )
    return prompt.to(model.start)


def keeps_null_history(settings: Settings) -> bool:
    """Whether the cache has additional rows without any frames, for guidance."""
    return settings.guidance != 1 and settings.null_history == "matched"


def _rows(past: TransformerState, change) -> TransformerState:
    """The past with `change` applied to the batch axis of keys and values."""
    return tuple(
        layer._replace(keys=change(layer.keys), values=change(layer.values)) for layer in past
    )


def _twice(x: Tensor) -> Tensor:  # (b ...) -> (2b ...)
    """Repeat the batch; a batch of 1 is a view, since attention only reads the cache."""
    return x.expand(2, *x.shape[1:]) if len(x) == 1 else torch.cat([x, x])
