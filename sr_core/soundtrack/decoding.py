"""Decoding of latents with a decoder state that continues from clip to clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..pipeline import Pipeline


class Decoded(NamedTuple):
    """The decoder's output and state after the latents of one step."""

    last: Tensor | None  # (b c s), waveform of that step; None before the first step
    state: Any


START = Decoded(None, None)


@dataclass(eq=False)
class Decoding:
    """Latents that continue those of `before`, and the decoder state after them (`found`).

    The node that samples latents does not decode them. The first decoding stores its state in
    `found`; if the state is needed earlier, it is computed here with the same result.
    """

    source: str  # identifier of the checkpoint
    before: Decoding | None
    latents: Tensor | None  # (b t k); None after `found` is stored
    found: Decoded | None = None

    def after(self, pipeline: Pipeline, source: str, device: torch.device) -> Decoded:
        """The decoder's output and state after these latents; the result is stored on `device`."""
        if self.source != source:
            raise ValueError(
                "got latents that continue sound of another checkpoint; expected this VAE's; "
                "connect model and vae of the same Load SoundReactor Model"
            )
        if self.found is not None:
            return self.found
        found = START if self.before is None else self.before.after(pipeline, source, device)
        if self.latents is not None:
            for step in decode(self.latents, pipeline, found.state):
                found = step
        return self.keep(found, device)

    def is_of(self, samples: Tensor, source: str) -> bool:  # (b k t)
        """Whether `samples` is the memory of these latents, not a copy, and `source` is theirs."""
        if self.latents is None or self.source != source:
            return False
        same = self.latents.data_ptr() == samples.data_ptr()
        return same and self.latents.numel() == samples.numel()

    @classmethod
    def of(cls, source: str, found: Decoded, device: torch.device) -> Decoding:
        """A `Decoding` with a known decoder state and without latents."""
        return cls(source, None, None, moved(found, device))

    def keep(self, found: Decoded, device: torch.device) -> Decoded:
        """Store the decoder's state, release the latents, and return what is stored."""
        self.found = kept = Decoded(*moved(tuple(found), device))
        self.before = self.latents = None
        return kept


def decode(latents: Tensor, pipeline: Pipeline, state: Any) -> Iterator[Decoded]:  # (b t k)
    """Decode latents step by step from `state`; yields each step's waveform and decoder state."""
    state = moved(state, pipeline.vae.latent_mean.device)
    for piece in latents.split(pipeline.model.latents_per_step, dim=1):
        if piece.shape[1]:
            with torch.inference_mode(), pipeline.computing():
                waveform, state = pipeline.decode(piece, state)
            yield Decoded(waveform.float(), state)


def moved(value: Any, device: torch.device) -> Any:
    """A state (nested tuples) with all its tensors moved to `device`."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, tuple):
        parts = [moved(part, device) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value
