"""The interface of every generator: features of frames and its own past -> latents."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ..sampling.settings import Settings


class GeneratorState(NamedTuple):
    """A stream of latents between two calls; a value that may be kept and continued twice."""

    settings: Settings
    batch: int
    noise: Tensor  # state of a CPU generator: a seed means the same on every device
    past: Any = None  # the family's own: of tokens and latents so far; None before the first step
    waiting: Tensor | None = None  # (b t d): tokens of a step that is not complete yet
    text: Any = None  # what `encode_text` gave; it may be replaced between two calls


class Generator(nn.Module):
    """A model that draws latents step by step, each from the frames so far and the latents before.

    A family (SoundReactor and others) is a subclass that says how many frames a step reads and how
    many latents it gives, and define `begin`, `encode_frames`, `null_tokens` and `step`. It is
    made from its own configuration and the sizes of what is before and after it.
    """

    Config: ClassVar[type]  # dataclass of the family's numbers
    frames_per_step: ClassVar[int] = 1
    latents_per_step: ClassVar[int] = 1

    latent_channels: int
    # (d): usual deviation of the features, where a checkpoint detects what is out of distribution.
    grid_scale: Tensor

    def begin(
        self, settings: Settings, seed: int, batch: int = 1, prompt: Tensor | None = None
    ) -> GeneratorState:
        """The state before the first frame, or after a `prompt`: latents (b t k) to continue."""
        raise NotImplementedError

    def encode_frames(self, features: Tensor) -> Tensor:  # (b t ...) -> (b t d)
        """The token of each frame, which depends on no other frame."""
        raise NotImplementedError

    def null_tokens(self, batch: int, frames: int) -> Tensor:  # -> (b t d)
        """Tokens that stand for frames that are not known."""
        raise NotImplementedError

    def step(self, tokens: Tensor, state: GeneratorState) -> tuple[Tensor, GeneratorState]:
        """One step: (b frames_per_step d) -> (b latents_per_step k)."""
        raise NotImplementedError

    def encode_text(self, prompt: str) -> Any:
        """A prompt as a state's `text`. Raises ValueError in families that read no text."""
        raise ValueError(
            f"got a text for a checkpoint of {type(self).__name__}, which follows the picture "
            "alone; expected none; leave the text out, or choose a checkpoint that reads text"
        )

    def forward(
        self, features: Tensor, state: GeneratorState
    ) -> tuple[Tensor, GeneratorState]:  # (b t ...) -> (b latents k)
        """Latents of the next frames, as many as their whole steps give; the rest waits."""
        return self.draw(self.encode_frames(features), state)

    def draw(self, tokens: Tensor, state: GeneratorState) -> tuple[Tensor, GeneratorState]:
        """The same for tokens of frames: (b t d) -> (b latents k)."""
        check_batch(len(tokens), state.batch)
        steps, waiting = whole_steps(tokens, state.waiting, self.frames_per_step)
        state = state._replace(waiting=waiting)
        latents = [tokens.new_zeros(len(tokens), 0, self.latent_channels)]
        for step in steps:
            drawn, state = self.step(step, state)
            latents.append(drawn)
        return torch.cat(latents, dim=1), state


def whole_steps(
    tokens: Tensor, waiting: Tensor | None, size: int
) -> tuple[list[Tensor], Tensor | None]:  # (b t d), (b r d) -> each (b size d), (b r d)
    """Tokens after those that wait, cut into steps of `size`, and what is left of them."""
    if waiting is not None:
        tokens = torch.cat([waiting, tokens], dim=1)
    end = tokens.shape[1] - tokens.shape[1] % size
    steps = list(tokens[:, :end].split(size, dim=1)) if end else []
    rest = tokens[:, end:]
    return steps, rest.clone() if rest.shape[1] else None  # a view would keep the piece alive


def check_batch(got: int, expected: int) -> None:
    if got != expected:
        raise ValueError(
            f"got a batch of {got} videos; expected the {expected} the stream began with"
        )
