"""One process or many (torchrun), with the same words."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from ..seeding import Generators
from ..tasks.task import Task


class GroupLoss(nn.Module):
    """The loss of a task's group as a module of that group's parameters alone."""

    def __init__(self, task: Task, group: str) -> None:
        super().__init__()
        self.own = nn.ParameterList(task.groups()[group])
        self._loss = task.loss  # a method: the task does not become a part of this module
        self._group = group

    def forward(
        self, batch: dict[str, Tensor], generators: Generators
    ) -> tuple[Tensor, dict[str, Tensor]]:
        return self._loss(self._group, batch, generators)


class Processes:
    """This process among those that `torchrun` started; alone without it."""

    def __init__(self, device: str | torch.device) -> None:
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        if self.world > 1 and not distributed.is_initialized():
            # NCCL moves what is on GPUs and nothing else, Gloo what the CPU has.
            on_gpu = torch.device(device).type == "cuda"
            distributed.init_process_group("nccl" if on_gpu else "gloo")
        self.rank = distributed.get_rank() if self.world > 1 else 0

    def rows(self, batch: int) -> range:
        """The rows of the whole batch that are this process's to do."""
        if batch % self.world:
            raise ValueError(
                f"got a batch of {batch} for {self.world} processes; expected a multiple"
            )
        share = batch // self.world
        return range(self.rank * share, (self.rank + 1) * share)

    def together(self, turn: GroupLoss) -> nn.Module:
        """Wrap a turn so that backward averages gradients over all processes."""
        if self.world == 1:
            return turn
        # A loss need not use every weight of its group; all begin with the same weights and
        # buffers, from a file or a seed.
        return DistributedDataParallel(
            turn, broadcast_buffers=False, find_unused_parameters=True, gradient_as_bucket_view=True
        )

    def apart(self, turn: nn.Module) -> AbstractContextManager[None]:
        """Where gradients are only added to those of this process."""
        return turn.no_sync() if self.world > 1 else nullcontext()

    def mean(self, facts: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.world > 1:
            values = torch.stack([facts[name] for name in sorted(facts)])
            distributed.all_reduce(values)
            facts = dict(zip(sorted(facts), values / self.world, strict=True))
        return facts

    def gather(self, own: Any) -> list[Any]:
        """What each process has, in the order of their ranks."""
        found = [own] * self.world
        if self.world > 1:
            distributed.all_gather_object(found, own)
        return found

    def agree(self, number: int, what: str) -> None:
        """Raise ValueError where the processes have different numbers."""
        numbers = self.gather(number)
        if len(set(numbers)) > 1:
            raise ValueError(
                f"got different values of the {what}: {numbers}; expected all processes to "
                "see the same folder; put it on a shared disk"
            )
