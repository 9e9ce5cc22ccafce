"""The interface of every generator: features of frames and past latents -> latents."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ..sampling.settings import Settings


class GeneratorState(NamedTuple):
    """State of a stream of latents between two calls; immutable, can be continued repeatedly."""

    settings: Settings
    batch: int
    noise: Tensor  # state of a CPU random generator: a seed gives the same noise on every device
    past: Any = None  # the family's cache of past tokens and latents; None before the first step
    waiting: Tensor | None = None  # (b t d), tokens of an incomplete step
    text: Any = None  # output of `encode_text`; may be replaced between two calls


class Generator(nn.Module):
    """Base class of autoregressive models: latents are conditioned on past latents and frames.

    A family (SoundReactor and others) is a subclass that sets `frames_per_step` and
    `latents_per_step` and defines `begin`, `encode_frames`, `null_tokens` and `step`. It is
    constructed from its configuration, the grid's size and the number of latent channels.
    """

    Config: ClassVar[type]  # dataclass of the family's configuration
    frames_per_step: ClassVar[int] = 1
    latents_per_step: ClassVar[int] = 1
    fallback: ClassVar[Settings] = Settings()  # for checkpoints that recommend no settings

    latent_channels: int
    grid_scale: Tensor  # (d), standard deviation of the features; used by the OOD detector

    def begin(
        self, settings: Settings, seed: int, batch: int = 1, prompt: Tensor | None = None
    ) -> GeneratorState:
        """The state before the first frame, or after a `prompt` of latents (b t k)."""
        raise NotImplementedError

    def encode_frames(self, features: Tensor) -> Tensor:  # (b t ...) -> (b t d)
        """One token per frame, computed from that frame's features only."""
        raise NotImplementedError

    def null_tokens(self, batch: int, frames: int) -> Tensor:  # -> (b t d)
        """Tokens in place of unknown frames."""
        raise NotImplementedError

    def step(self, tokens: Tensor, state: GeneratorState) -> tuple[Tensor, GeneratorState]:
        """One step: (b frames_per_step d) -> (b latents_per_step k)."""
        raise NotImplementedError

    def encode_text(self, prompt: str) -> Any:
        """Encode a prompt for a state's `text`. Raises ValueError in families without text."""
        raise ValueError(
            f"got a text for a checkpoint of {type(self).__name__}, which follows the picture "
            "alone; expected none; remove the text, or choose a checkpoint with text conditioning"
        )

    def forward(
        self, features: Tensor, state: GeneratorState
    ) -> tuple[Tensor, GeneratorState]:  # (b t ...) -> (b latents k)
        """Latents of the steps that these frames complete; further frames remain in the state."""
        return self.draw(self.encode_frames(features), state)

    def draw(self, tokens: Tensor, state: GeneratorState) -> tuple[Tensor, GeneratorState]:
        """As `forward`, from the tokens of frames: (b t d) -> (b latents k)."""
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
    """Split `waiting` and `tokens` into complete steps of `size` tokens and the remainder."""
    if waiting is not None:
        tokens = torch.cat([waiting, tokens], dim=1)
    end = tokens.shape[1] - tokens.shape[1] % size
    steps = list(tokens[:, :end].split(size, dim=1)) if end else []
    rest = tokens[:, end:]
    return steps, rest.clone() if rest.shape[1] else None  # a view would keep all in memory


def check_batch(got: int, expected: int) -> None:
    if got != expected:
        raise ValueError(
            f"got a batch of {got} videos; expected the {expected} with which the stream began"
        )
