"""What the loop trains: a module with losses."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from ..seeding import Generators


class Pace(NamedTuple):
    """How a group of parameters moves, where it is not as the loop's settings say."""

    rate: float = 1.0  # of the learning rate
    clip: float | None = None  # of the gradient's norm


class Task(nn.Module):
    """Networks and their losses; the loop owns the optimizers, the data and the clock.

    `step` is set by the loop before every step, so that what follows a schedule is a function of
    it and a resumed run goes on where it was.
    """

    step: int = 0
    reads: tuple[str, ...] = ()  # tensors that a row must have

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by name of the optimizer that moves them, in the order they take turns."""
        return {"model": [p for p in self.trained().parameters() if p.requires_grad]}

    def pace(self, group: str) -> Pace:
        return Pace()

    def trained(self) -> nn.Module:
        """The network that is the result, and of which a running average is kept."""
        raise NotImplementedError

    def loss(
        self, group: str, batch: dict[str, Tensor], generators: Generators
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean loss over the batch's rows, and what to log of it.

        All randomness of a row comes from its own generator.
        """
        raise NotImplementedError

    def show(self, batch: dict[str, Tensor], generators: Generators) -> dict[str, Tensor]:
        """Waveforms (c s) of held-out rows to listen to, by name."""
        return {}
