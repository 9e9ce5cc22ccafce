"""A stream that runs: enters from a state, hears frame after frame, gives a state back."""

from __future__ import annotations

import torch
from torch import Tensor

from .pipeline import Pipeline, StreamState


class Session:
    """One stream of one pipeline, fast because it may keep what it needs between frames.

    The state that it is given is never written to, and one that it gives back never changes again,
    so either can be continued by others.
    """

    def __init__(self, pipeline: Pipeline, state: StreamState):
        self.pipeline = pipeline
        self._state = state

    @torch.inference_mode()
    def step(self, frames: Tensor) -> Tensor:
        """The sound of the next frames: (b t 3 h w), 0..1 or uint8 -> (b c hop*t)."""
        waveform, self._state = self.pipeline.step(frames, self._state)
        return waveform

    def state(self) -> StreamState:
        """The stream as it stands: a value that other sessions, and `Pipeline.step`, go on from."""
        return self._state
