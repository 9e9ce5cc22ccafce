"""Autoregressive sampling: each latent is drawn from the frames so far and the latents before."""

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
    """What SoundReactor keeps of a stream."""

    transformer: TransformerState
    latent: Tensor  # (b k), drawn last and not yet read by the transformer


class SoundReactorGenerator(SoundReactor, Generator):
    """SoundReactor as a generator: one latent for each frame (arXiv 2510.02110, alg. 3)."""

    Config = SoundReactorConfig

    def begin(
        self, settings: Settings, seed: int, batch: int = 1, prompt: Tensor | None = None
    ) -> GeneratorState:
        """A stream before its first frame, or after a `prompt`: latents (b t k) to continue."""
        noise = torch.Generator().manual_seed(seed).get_state()
        if prompt is None or prompt.shape[1] == 0:
            return GeneratorState(settings, batch, noise)
        prompt = _checked_prompt(self, prompt, batch)[:, -_memory(self, settings) :]
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
        latent = _solve(self, z, noise, state.settings)
        state = state._replace(past=Past(past, latent), noise=generator.get_state())
        return latent[:, None], state


def _condition(
    model: SoundReactor, token: Tensor, state: GeneratorState
) -> tuple[Tensor, TransformerState]:
    """z of one frame, guided (SoundReactor, alg. 3): token (b 1 d) -> (b 2d)."""
    settings, batch = state.settings, state.batch
    context = context_of(model, settings)
    guided, matched = settings.guidance != 1, keeps_null_history(settings)
    before, latent = state.past or (None, None)
    check_room(model, settings, before[0].position // PAIR if before else 0)
    audio = model.embed_audio(latent, batch)
    if matched:
        audio = torch.cat([audio, audio])
    heard, past = model.transformer(audio, before, context)
    rows = torch.cat([token, model.null_tokens(batch, 1)]) if guided else token
    if guided and not matched:
        seen_past = _rows(past, _twice)
    else:
        seen_past = past
    seen, past = model.transformer(model.vision_input(rows), seen_past, context)
    if guided:
        real, null = seen.chunk(2)
        seen = null + settings.guidance * (real - null)
        past = past if matched else _rows(past, lambda x: x[:batch])
    return torch.cat([heard[:batch], seen], dim=-1)[:, 0], past


def _solve(model: SoundReactor, z: Tensor, noise: Tensor, settings: Settings) -> Tensor:
    """One latent from its condition: (b 2d), (evaluations b k) -> (b k)."""

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return model.head(x, x.new_full(x.shape[:-1], sigma), z)

    sigmas = SIGMAS[settings.method](settings.steps, model.config.head.sigma_data)
    return SAMPLERS[settings.method](denoise, noise, sigmas).to(z)


def draw_noise(
    model: SoundReactor, settings: Settings, batch: int, generator: torch.Generator
) -> Tensor:
    """One frame's noise (evaluations b k), on the CPU wherever the model is."""
    count = settings.steps if settings.method == "consistency" else 1
    noise = torch.randn(count, batch, model.latent_channels, generator=generator)
    return noise.to(torch.promote_types(model.start.dtype, torch.float32))


def context_of(model: SoundReactor, settings: Settings) -> Context:
    """How far the transformer attends, and how it stretches positions over a long video."""
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
    """Frames (a prompt's included) that a stream may have; None has no limit."""
    if settings.context == "window":
        return None
    trained = model.config.transformer.train_frames
    return trained if settings.context == "trained" else max(trained, settings.length)


def check_room(model: SoundReactor, settings: Settings, seen: int) -> None:
    """Raises ValueError where `seen` frames are all that the context has room for."""
    limit = frame_limit(model, settings)
    if limit is not None and seen >= limit:
        raise ValueError(
            f"got more than {limit} frames (prompt included) with context {settings.context!r}; "
            "expected at most that many; use context 'window', which has no limit, or a larger "
            "length"
        )


def _memory(model: SoundReactor, settings: Settings) -> int:
    """Frames of a prompt that are worth reading: those that the first new frame still sees."""
    return model.config.transformer.train_frames if settings.context == "window" else 1 << 62


def _checked_prompt(model: SoundReactor, prompt: Tensor, batch: int) -> Tensor:
    if prompt.ndim != 3 or prompt.shape[0] != batch or prompt.shape[2] != model.latent_channels:
        raise ValueError(
            f"got a prompt of shape {tuple(prompt.shape)}; expected ({batch}, time, "
            f"{model.latent_channels}) latents; encode the sound with this checkpoint's VAE"
        )
    return prompt.to(model.start)


def keeps_null_history(settings: Settings) -> bool:
    return settings.guidance != 1 and settings.null_history == "matched"


def _rows(past: TransformerState, change) -> TransformerState:
    """The same past with its batch rows changed."""
    return tuple(
        layer._replace(keys=change(layer.keys), values=change(layer.values)) for layer in past
    )


def _twice(x: Tensor) -> Tensor:  # (b ...) -> (2b ...)
    """A stream of one video shares its memory between both rows; attention only reads it."""
    return x.expand(2, *x.shape[1:]) if len(x) == 1 else torch.cat([x, x])
