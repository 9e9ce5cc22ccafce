"""A generator for one stream that may keep buffers between steps: the family's fast one, if any."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from ..models.generator import Generator, GeneratorState
from ..models.soundreactor.model import SoundReactor
from .fast_soundreactor import FastSoundReactor


class FastGenerator(Protocol):
    """The steps of one stream; its state is entered and left as a value."""

    def encode_frames(self, features: Tensor) -> Tensor:  # (b t ...) -> (b t d)
        """The token of each frame."""

    def step(self, tokens: Tensor) -> Tensor:  # (b frames d) -> (b latents k)
        """The latents of one whole step."""

    def enter(self, state: GeneratorState) -> None:
        """Go on from a state, which is not written to."""

    def state(self) -> GeneratorState:
        """The state after the last step; it does not change any more."""


class PlainGenerator:
    """The generator itself, for families without a fast path."""

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
    """The fastest there is for this model; `graphs` as in `Session`."""
    if isinstance(model, SoundReactor):
        return FastSoundReactor(model, state, graphs)
    return PlainGenerator(model, state)
