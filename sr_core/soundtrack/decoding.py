"""Decoding of latents with the decoder's state carried from clip to clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..pipeline import Pipeline


class Decoded(NamedTuple):
    """The decoder's output and state after a step's latents."""

    last: Tensor | None  # (b c s): the sound of that step; None before the first one
    state: Any


START = Decoded(None, None)


@dataclass(eq=False)
class Decoding:
    """Latents that follow others, and the decoder's state after them.

    Whoever draws latents may not decode them. Whoever decodes them first leaves `found` here; where
    it is needed before, it is computed, with the same result.
    """

    source: str  # of the checkpoint
    before: Decoding | None
    latents: Tensor | None  # (b t k)
    found: Decoded | None = None

    def after(self, pipeline: Pipeline, source: str, device: torch.device) -> Decoded:
        """The decoder after these latents; what is found is kept on `device`."""
        if self.source != source:
            raise ValueError(
                "got latents that go on from sound of another checkpoint; expected this VAE's own; "
                "connect model and vae of the same Load SoundReactor Model"
            )
        if self.found is None:
            found = START if self.before is None else self.before.after(pipeline, source, device)
            for step in decode(self.latents, pipeline, found.state):
                found = step
            self.keep(found, device)
        return self.found

    def is_of(self, samples: Tensor, source: str) -> bool:  # (b k t)
        """Whether these very latents, not ones made from them, go through the VAE of `source`."""
        if self.latents is None or self.source != source:
            return False
        same = self.latents.data_ptr() == samples.data_ptr()
        return same and self.latents.numel() == samples.numel()

    @classmethod
    def of(cls, source: str, found: Decoded, device: torch.device) -> Decoding:
        """A decoder's state whose latents were not kept."""
        return cls(source, None, None, moved(found, device))

    def keep(self, found: Decoded, device: torch.device) -> None:
        """Store the decoder's state, and release the latents that led to it."""
        self.found = moved(found, device)
        self.before = self.latents = None


def decode(latents: Tensor, pipeline: Pipeline, state: Any) -> Iterator[Decoded]:  # (b t k)
    """The sound of each step's latents after `state`, with the decoder's state after it."""
    vae = pipeline.vae
    state = moved(state, vae.latent_mean.device)
    for piece in latents.split(pipeline.model.latents_per_step, dim=1):
        if piece.shape[1]:
            with torch.inference_mode(), pipeline.computing():
                waveform, state = vae.decode(piece.to(vae.latent_mean.device), state)
            yield Decoded(waveform.float(), state)


def moved(value: Any, device: torch.device) -> Any:
    """A state, tensors in tuples of tuples, with all its tensors on a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, tuple):
        parts = [moved(part, device) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value
