"""The fast path of one stream: load a state, process frames, export a state."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any, Concatenate, ParamSpec, TypeAlias

import torch
from torch import Tensor

from ..audio.vae import AudioVAE
from ..models.generator import check_batch, whole_steps
from ..pipeline import Pipeline, StreamState, limited_sound
from ..vision.encoder import VisionEncoder
from .cuda_graph import CHECKED, Graphed
from .fast_generator import fast_generator
from .inference_copy import inference_copy

WARM_UP = 1 + CHECKED  # steps; the first step of a stream has no past and so runs eagerly
Inputs = ParamSpec("Inputs")
Method: TypeAlias = "Callable[Concatenate[Session, Inputs], Tensor]"


def _computing(method: Method[Inputs]) -> Method[Inputs]:
    """Run the method without gradients, on the pipeline's number of threads."""

    @wraps(method)
    def run(session: Session, *inputs: Inputs.args, **named: Inputs.kwargs) -> Tensor:
        with torch.inference_mode(), session.pipeline.computing():
            return method(session, *inputs, **named)

    return run


class Session:
    """One stream of one pipeline; faster than `Pipeline.step` because it keeps buffers.

    States that it takes and returns are never modified, so others can continue them too. After an
    exception its state is undefined: continue from the last exported state in a new session.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        state: StreamState,
        tell: Callable[[str], None] | None = None,
        graphs: bool = True,
    ):
        """Continue from `state`; `tell` is as in `Pipeline.monitor`.

        `graphs` enables CUDA graphs: faster steps, after some seconds of capture.
        """
        self.pipeline, self.batch = pipeline, state.generator.batch
        with torch.inference_mode(), pipeline.computing():
            self.generator = fast_generator(pipeline.model, state.generator, graphs)
        self._enter(state)
        self._monitor = None if tell is None else pipeline.monitor(tell)
        device = pipeline.vae.latent_mean.device
        graphs = graphs and device.type == "cuda"
        self._run_encode = Graphed(self._encode, device) if graphs else self._encode
        self._run_decode = Graphed(self._decode, device) if graphs else self._decode

    @cached_property
    def vision(self) -> VisionEncoder:
        return inference_copy(self.pipeline.vision)

    @cached_property
    def vae(self) -> AudioVAE:
        return inference_copy(self.pipeline.vae)

    @torch.inference_mode()
    def _enter(self, state: StreamState) -> None:
        self._grid, self._decoder = state.vision, state.decoder
        self._waiting, self._text = state.generator.waiting, state.generator.text
        self.generator.enter(state.generator)

    @property
    def incomplete(self) -> bool:
        """Whether the last frames belong to an incomplete step, which has no sound yet."""
        return self._waiting is not None

    def replace_text(self, text: Any) -> None:
        """Use this output of `encode_text` for all later steps, including an incomplete one."""
        state = self.state()
        self._enter(state._replace(generator=state.generator._replace(text=text)))

    def warm_up(self, frames: Tensor) -> None:
        """Capture CUDA graphs and fill caches with `frames` (b 1 3 h w), before the stream starts.

        The state of the stream is restored. Raises ValueError if a context of fixed length has no
        room for the frames of the warm-up.
        """
        state, monitor = self.state(), self._monitor
        self._monitor = None
        for _ in range(WARM_UP * self.pipeline.model.frames_per_step):
            self.step(frames)
        self._monitor = monitor
        self._enter(state)

    @_computing
    def step(self, frames: Tensor) -> Tensor:
        """Sound of the next frames: (b t 3 h w), 0..1 or uint8 -> (b c s).

        Only complete steps give sound, as in `Pipeline.step`.
        """
        return self.decode(self.generate(self.encode(frames)))

    @_computing
    def encode(self, frames: Tensor) -> Tensor:
        """The token of each frame: (b t 3 h w) -> (b t d)."""
        check_batch(len(frames), self.batch)
        # Float frames run eagerly: their range check needs the values on the host.
        run = self._run_encode if frames.dtype == torch.uint8 else self._encode
        tokens, grid, self._grid = run(frames, self._grid)
        if self._monitor:
            self._monitor.add(grid)
        return tokens

    @_computing
    def encode_features(self, grid: Tensor) -> Tensor:
        """The tokens of given grids with temporal differences: (b t n 2d) -> (b t d)."""
        check_batch(len(grid), self.batch)
        if self._monitor:
            self._monitor.add(grid)
        return self.generator.encode_frames(grid)

    @_computing
    def generate(self, tokens: Tensor) -> Tensor:
        """Latents of the steps that these tokens complete: (b t d) -> (b latents k)."""
        model = self.pipeline.model
        steps, self._waiting = whole_steps(tokens, self._waiting, model.frames_per_step)
        latents = [self.generator.step(step) for step in steps]
        if not latents:
            return tokens.new_zeros(len(tokens), 0, model.latent_channels)
        return torch.cat(latents, dim=1)

    @_computing
    def decode(self, latents: Tensor) -> Tensor:
        """Decode the next latents of the stream: (b t k) -> (b c hop*t)."""
        # The limiter is not part of a CUDA graph: what it computes depends on the samples.
        waveform, self._decoder = limited_sound(
            self._run_decode, self.pipeline.limiter, latents, self._decoder
        )
        return waveform

    def _encode(self, frames: Tensor, last: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        grid, last = self.pipeline.difference(self.vision(frames), last)
        return self.generator.encode_frames(grid), grid, last

    def _decode(self, latents: Tensor, state: Any) -> tuple[Tensor, Any]:
        return self.vae.decode(latents.to(self.vae.latent_mean), state)

    @torch.inference_mode()
    def state(self) -> StreamState:
        """The state of the stream, which `Pipeline.step` or another session can continue."""
        generator = self.generator.state()._replace(waiting=self._waiting, text=self._text)
        return StreamState(self._grid, generator, self._decoder)
