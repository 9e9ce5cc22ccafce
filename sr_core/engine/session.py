"""The fast path of one stream: starts from a state, takes frames, returns a state."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..audio.vae import AudioVAE
from ..models.soundreactor.generator import (
    SamplerState,
    check_batch,
    check_room,
    context_of,
    draw,
    frame_limit,
    keeps_null_history,
)
from ..pipeline import Pipeline, StreamState
from ..sampling.solvers import SAMPLERS, SIGMAS
from ..vision.encoder import VisionEncoder
from .cuda_graph import CHECKED, Graphed
from .denoiser import Denoiser
from .frame_pass import Turn, read_frame, turn_of
from .inference_copy import prepared
from .key_value_ring import PAIR, KeyValueRing

WARM_UP = 1 + CHECKED  # frames; a stream's first one has no past, and so runs eagerly
Method = TypeVar("Method", bound=Callable[..., Tensor])


def _computing(method: Method) -> Method:
    """The method without gradients, on the pipeline's number of threads."""

    @wraps(method)
    def run(session: Session, *inputs: Tensor) -> Tensor:
        with torch.inference_mode(), session.pipeline.computing():
            return method(session, *inputs)

    return run


class Session:
    """One stream of one pipeline, fast because it may keep what it needs between frames.

    The state that it is given is never written to, and one that it gives back never changes again,
    so either can be continued by others. After an exception it stands between two frames: go on
    from the last state that it gave, in a new session.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        state: StreamState,
        tell: Callable[[str], None] | None = None,
        graphs: bool = True,
    ):
        """Go on from a state; `tell` is as in `Pipeline.watch`.

        On CUDA, `graphs` replays each kind of step: quicker, after seconds of capturing.
        """
        sampler = state.sampler
        self.pipeline, self.settings, self.batch = pipeline, sampler.settings, sampler.batch
        with torch.inference_mode(), pipeline.computing():
            self.model = model = prepared(pipeline.model)
            self._ring = self._empty_ring()
        self._noise = torch.Generator()
        self._enter(state)
        self.sigmas = SIGMAS[self.settings.method](
            self.settings.steps, model.config.head.sigma_data
        )
        self._denoiser = Denoiser(model.head, self.sigmas, model.start)
        self._on_cuda = model.start.is_cuda
        self._watch = None if tell is None else pipeline.watch(tell)
        steps = (self._see, self._read, self._draw, self._decode)
        if self._on_cuda and graphs:
            steps = tuple(Graphed(step, model.start.device) for step in steps)
        self._run_see, self._run_read, self._run_draw, self._run_decode = steps

    @cached_property
    def vision(self) -> VisionEncoder:
        return prepared(self.pipeline.vision)

    @cached_property
    def vae(self) -> AudioVAE:
        return prepared(self.pipeline.vae)

    def _empty_ring(self) -> KeyValueRing:
        self.context = context_of(self.model, self.settings)
        self._matched = keeps_null_history(self.settings)
        rows = 2 * self.batch if self._matched else self.batch
        pairs = self.context.window or frame_limit(self.model, self.settings)
        return KeyValueRing(self.model.config.transformer, rows, pairs, self.model.start)

    @torch.inference_mode()
    def _enter(self, state: StreamState) -> None:
        """Load a state into the existing buffers, which are the ones a captured graph reads."""
        sampler = state.sampler
        self._grid, self._latent, self._decoder = state.vision, sampler.latent, state.decoder
        self._noise.set_state(sampler.noise)
        self._ring.position = 0
        if sampler.transformer:
            self._ring.enter(sampler.transformer)

    def warm_up(self, frames: Tensor) -> None:
        """Capture CUDA graphs and fill caches on given frames (b 1 3 h w), ahead of the stream.

        The state of the stream is restored. Raises ValueError where a context of fixed length has
        no room for the frames of the warm-up.
        """
        state, watch = self.state(), self._watch
        self._watch = None
        for _ in range(WARM_UP):
            self.step(frames)
        self._watch = watch
        self._enter(state)

    @_computing
    def step(self, frames: Tensor) -> Tensor:
        """The sound of the next frames: (b t 3 h w), 0..1 or uint8 -> (b c hop*t)."""
        tokens = self.see(frames).split(1, dim=1)
        return self.decode(torch.stack([self.draw(self.read(token)) for token in tokens], dim=1))

    @_computing
    def see(self, frames: Tensor) -> Tensor:
        """The token of each frame: (b t 3 h w) -> (b t d)."""
        check_batch(len(frames), self.batch)
        # Numbers that are no bytes are looked at on the host: a graph cannot.
        run = self._run_see if frames.dtype == torch.uint8 else self._see
        tokens, grid, self._grid = run(frames, self._grid)
        if self._watch:
            self._watch.see(grid)
        return tokens

    @_computing
    def look(self, grid: Tensor) -> Tensor:
        """The tokens of grids with differences computed elsewhere: (b t n 2d) -> (b t d)."""
        check_batch(len(grid), self.batch)
        if self._watch:
            self._watch.see(grid)
        return self.model.look(grid.to(self.model.start))

    @_computing
    def read(self, token: Tensor) -> Tensor:
        """z of one frame, guided (SoundReactor, alg. 3): token (b 1 d) -> (b 2d)."""
        check_room(self.model, self.settings, self._ring.position // PAIR)
        queries = 3 if self.settings.guidance != 1 and not self._matched else 2
        turn = turn_of(self.model.transformer, self._ring, self.context, queries, self._on_cuda)
        z = self._run_read(token, self._latent, turn)
        self._ring.position += PAIR
        return z

    @_computing
    def draw(self, z: Tensor) -> Tensor:
        """One latent from its condition: (b 2d) -> (b k)."""
        noise = draw(self.model, self.settings, self.batch, self._noise)
        self._latent = self._run_draw(z, noise)
        return self._latent

    @_computing
    def decode(self, latents: Tensor) -> Tensor:
        """Latents to waveform, in stream order: (b t k) -> (b c hop*t)."""
        waveform, self._decoder = self._run_decode(latents, self._decoder)
        return waveform

    def _see(self, frames: Tensor, last: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        grid, last = self.pipeline.difference(self.vision(frames), last, self.settings.cuts)
        return self.model.look(grid.to(self.model.start)), grid, last

    def _read(self, token: Tensor, latent: Tensor | None, turn: Turn) -> Tensor:
        model, batch, strength = self.model, self.batch, self.settings.guidance
        audio = model.embed_audio(latent, batch)
        if strength == 1:
            tokens = torch.cat([audio, model.vision_input(token)], dim=1)
            return read_frame(model.transformer, tokens, self._ring, turn).flatten(1)
        both = model.vision_input(torch.cat([token, model.unseen(batch, 1)]))
        if self._matched:
            tokens = torch.cat([torch.cat([audio, audio]), both], dim=1)
        else:
            tokens = torch.cat([audio, *both.chunk(2)], dim=1)
        y = read_frame(model.transformer, tokens, self._ring, turn)
        heard, real = y[:batch, 0], y[:batch, 1]
        null = y[batch:, 1] if self._matched else y[:, 2]
        return torch.cat([heard, null + strength * (real - null)], dim=-1)

    def _draw(self, z: Tensor, noise: Tensor) -> Tensor:
        sample = SAMPLERS[self.settings.method]
        return sample(self._denoiser.given(z), noise.to(z.device), self.sigmas).to(z)

    def _decode(self, latents: Tensor, state: Any) -> tuple[Tensor, Any]:
        return self.vae.decode(latents.to(self.vae.latent_mean), state)

    @torch.inference_mode()
    def state(self) -> StreamState:
        """The state of the stream, a value that `Pipeline.step` or another session can continue."""
        position, past = self._ring.position, None
        if position:
            past = self._ring.leave(self.context.first_seen(position))
        noise = self._noise.get_state()
        sampler = SamplerState(self.settings, self.batch, past, self._latent, noise)
        return StreamState(self._grid, sampler, self._decoder)
