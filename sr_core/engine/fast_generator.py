"""Generator of one stream that keeps buffers between steps: the family's fast path, if any."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from ..models.generator import Generator, GeneratorState
from ..models.soundreactor.generator import SoundReactorGenerator
from .fast_soundreactor import FastSoundReactor


class FastGenerator(Protocol):
    """Generates one stream step by step; the state can be loaded and exported."""

    def encode_frames(self, features: Tensor) -> Tensor:  # (b t ...) -> (b t d)
        """The token of each frame."""

    def step(self, tokens: Tensor) -> Tensor:  # (b frames d) -> (b latents k)
        """The latents of one complete step."""

    def enter(self, state: GeneratorState) -> None:
        """Continue from `state`, which is not modified."""

    def state(self) -> GeneratorState:
        """The state after the last step; later steps do not modify it."""


class PlainGenerator:
    """Adapter of a `Generator`, for families without a fast path."""

    def __init__(self, model: Generator, state: GeneratorState):
        self.model, self._state = model, state
        self.encode_frames = model.encode_frames

    def step(self, tokens: Tensor) -> Tensor:
        latents, self._state = self.model.step(tokens, self._state)
        return latents

    def enter(self, state: GeneratorState) -> None:
        self._state = state

    def state(self) -> GeneratorState:
        return self._state


def fast_generator(model: Generator, state: GeneratorState, graphs: bool) -> FastGenerator:
    """The fastest implementation for this model; `graphs` as in `Session`."""
    if isinstance(model, SoundReactorGenerator):
        return FastSoundReactor(model, state, graphs)
    return PlainGenerator(model, state)
