"""Decoding of latents with the decoder's state carried from clip to clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from . import host


class Decoded(NamedTuple):
    """The decoder's output and state after a latent."""

    last: Tensor | None  # (b c hop): the sound of that latent; None before the first one
    state: Any


@dataclass(eq=False)
class Decoding:
    """Latents that follow others, and where the decoder stands after them.

    The sampler knows the latents only. Whoever decodes them first leaves `found` here; where it is
    needed before, it is worked out, with the same result.
    """

    source: str  # of the checkpoint
    before: Decoding | None
    latents: Tensor | None  # (b t k)
    found: Decoded | None = None

    def after(self, vae: host.Part) -> Decoded:
        if self.source != vae.loaded.source:
            raise ValueError(
                "got latents that go on from sound of another checkpoint; expected this VAE's own; "
                "connect model and vae of the same Load SoundReactor Model"
            )
        if self.found is None:
            found = START if self.before is None else self.before.after(vae)
            for step in decode(self.latents, vae, found.state):
                found = step
            self.keep(found)
        return self.found

    def is_of(self, samples: Tensor, vae: host.Part) -> bool:  # (b k t)
        """Whether these very latents, not ones made from them, went through this VAE."""
        if self.latents is None or self.source != vae.loaded.source:
            return False
        same = self.latents.data_ptr() == samples.data_ptr()
        return same and self.latents.numel() == samples.numel()

    @classmethod
    def of(cls, source: str, found: Decoded) -> Decoding:
        """A decoder's state whose latents were not kept."""
        return cls(source, None, None, moved(found, host.output_device()))

    def keep(self, found: Decoded) -> None:
        """What led here is no longer needed, and goes with whoever else holds it."""
        self.found = moved(found, host.output_device())
        self.before = self.latents = None


START = Decoded(None, None)


def decode(latents: Tensor, vae: host.Part, state: Any) -> Iterator[Decoded]:  # (b t k)
    """The sound of each latent after `state`, with the decoder's state after it."""
    state = moved(state, vae.device)
    for piece in latents.split(1, dim=1):
        if piece.shape[1]:
            with vae.computing():
                waveform, state = vae.module.decode(piece.to(vae.device), state)
            yield Decoded(waveform.float(), state)


def moved(value: Any, device: torch.device) -> Any:
    """A state, tensors in tuples of tuples, with all its tensors on a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, tuple):
        parts = [moved(part, device) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value
