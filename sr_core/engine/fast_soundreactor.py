"""SoundReactor's fast path: packed weights, key-value ring, one transformer pass per frame."""

from __future__ import annotations

import torch
from torch import Tensor

from ..models.generator import GeneratorState
from ..models.soundreactor.generator import (
    Past,
    SoundReactorGenerator,
    check_room,
    context_of,
    draw_noise,
    frame_limit,
    keeps_null_history,
)
from ..models.soundreactor.transformer import PAIR
from ..sampling.solvers import SAMPLERS, SIGMAS
from .cuda_graph import Graphed
from .denoiser import Denoiser
from .frame_pass import FrameInputs, frame_inputs, read_frame
from .inference_copy import inference_copy
from .key_value_ring import KeyValueRing


class FastSoundReactor:
    """Same results as `SoundReactorGenerator`, for one stream whose state is in static buffers."""

    def __init__(self, model: SoundReactorGenerator, state: GeneratorState, graphs: bool):
        self.model = model = inference_copy(model)
        self.settings, self.batch = settings, batch = state.settings, state.batch
        self.context = context_of(model, settings)
        self._matched = keeps_null_history(settings)
        rows = 2 * batch if self._matched else batch
        pairs = frame_limit(model, settings) or model.config.transformer.train_frames
        self.ring = KeyValueRing(model.config.transformer, rows, pairs, model.start)
        self._noise = torch.Generator()
        self.enter(state)
        self.sigmas = SIGMAS[settings.method](settings.steps, model.config.head.sigma_data)
        self._denoiser = Denoiser(model.head, self.sigmas, model.start)
        self._on_cuda = model.start.is_cuda
        graphs, device = graphs and self._on_cuda, model.start.device
        self._run_condition = Graphed(self._condition, device) if graphs else self._condition
        self._run_draw = Graphed(self._draw, device) if graphs else self._draw

    def enter(self, state: GeneratorState) -> None:
        """Load a state into the existing buffers, whose addresses a captured graph uses."""
        self._latent: Tensor | None = None
        self._noise.set_state(state.noise)
        self.ring.position = 0
        if state.past is not None:
            self._latent = state.past.latent
            self.ring.enter(state.past.transformer)

    def state(self) -> GeneratorState:
        position, past = self.ring.position, None
        if position and self._latent is not None:
            past = Past(self.ring.leave(self.context.first_seen(position)), self._latent)
        return GeneratorState(self.settings, self.batch, self._noise.get_state(), past)

    def encode_frames(self, features: Tensor) -> Tensor:  # (b t n 2d) -> (b t d)
        return self.model.encode_frames(features)

    def step(self, tokens: Tensor) -> Tensor:  # (b 1 d) -> (b 1 k)
        return self.draw(self.condition(tokens))[:, None]

    def condition(self, token: Tensor) -> Tensor:
        """z of one frame with guidance (SoundReactor, alg. 3): token (b 1 d) -> (b 2d)."""
        check_room(self.model, self.settings, self.ring.position // PAIR)
        queries = 3 if self.settings.guidance != 1 and not self._matched else 2
        inputs = frame_inputs(
            self.model.transformer, self.ring, self.context, queries, self._on_cuda
        )
        z = self._run_condition(token, self._latent, inputs)
        self.ring.position += PAIR
        return z

    def draw(self, z: Tensor, noise: Tensor | None = None) -> Tensor:
        """Draw one latent from its condition: (b 2d) -> (b k); `noise` is that of `draw_noise`."""
        if noise is None:
            noise = draw_noise(self.model, self.settings, self.batch, self._noise)
        self._latent = self._run_draw(z, noise)
        return self._latent

    def _condition(self, token: Tensor, latent: Tensor | None, inputs: FrameInputs) -> Tensor:
        model, batch, strength = self.model, self.batch, self.settings.guidance
        audio = model.embed_audio(latent, batch)
        if strength == 1:
            tokens = torch.cat([audio, model.vision_input(token)], dim=1)
            return read_frame(model.transformer, tokens, self.ring, inputs).flatten(1)
        both = model.vision_input(torch.cat([token, model.null_tokens(batch, 1)]))
        if self._matched:
            tokens = torch.cat([torch.cat([audio, audio]), both], dim=1)
        else:
            tokens = torch.cat([audio, *both.chunk(2)], dim=1)
        y = read_frame(model.transformer, tokens, self.ring, inputs)
        audio_output, real = y[:batch, 0], y[:batch, 1]
        null = y[batch:, 1] if self._matched else y[:, 2]
        # Guidance at the vision token only: SoundReactor, alg. 3.
        return torch.cat([audio_output, null + strength * (real - null)], dim=-1)

    def _draw(self, z: Tensor, noise: Tensor) -> Tensor:
        sample = SAMPLERS[self.settings.method]
        return sample(self._denoiser.given(z), noise.to(z.device), self.sigmas).to(z)
