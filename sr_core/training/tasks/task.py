"""Task: the interface between the training loop and a stage's networks and losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn

from ..seeding import Generators


class Pace(NamedTuple):
    """Optimizer settings of a parameter group that differ from the loop's."""

    rate: float = 1.0  # factor of the learning rate
    clip: float | None = None  # largest norm of the gradient; None: the loop's


class Task(nn.Module):
    """Networks and their losses; the loop owns the optimizers, the data and the step counter.

    The loop sets `step` before every step. Schedules are functions of it, so that a resumed run
    continues exactly.
    """

    step: int = 0
    reads: tuple[str, ...] = ()  # names of the tensors that a row must have
    caches: tuple[str, ...] = ()  # of a row of the data, where rows are computed by `cached`

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by the name of their optimizer, in the order of the updates within a step."""
        return {"model": [p for p in self.trained().parameters() if p.requires_grad]}

    def pace(self, group: str) -> Pace:
        return Pace()

    def trained(self) -> nn.Module:
        """The network whose running average is the result."""
        raise NotImplementedError

    def cached(self, row: Mapping[str, Tensor], generators: Generators) -> dict[str, Tensor]:
        """Tensors of cached rows (b t ...) from a row of the data (1 t ...), a row per generator.

        Computed once, before training; only for tasks with `caches`.
        """
        raise NotImplementedError

    def loss(
        self, group: str, batch: dict[str, Tensor], generators: Generators
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean loss over the rows of the batch, and values to log.

        All random numbers of a row come from the generator of that row.
        """
        raise NotImplementedError

    def show(self, batch: dict[str, Tensor], generators: Generators) -> dict[str, Tensor]:
        """Waveforms (c s) generated for held-out rows, by name."""
        return {}
