"""Distributed training: one interface for a single process and for several (torchrun)."""

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
    """The loss of one parameter group of a task, as a module that has only these parameters."""

    def __init__(self, task: Task, group: str) -> None:
        super().__init__()
        self.own = nn.ParameterList(task.groups()[group])
        self._loss = task.loss  # a bound method, so that the task is not registered as a submodule
        self._group = group

    def forward(
        self, batch: dict[str, Tensor], generators: Generators
    ) -> tuple[Tensor, dict[str, Tensor]]:
        return self._loss(self._group, batch, generators)


class Processes:
    """Rank and world size of this process; 0 and 1 without `torchrun`."""

    def __init__(self, device: str | torch.device) -> None:
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        if self.world > 1 and not distributed.is_initialized():
            # NCCL supports only tensors on GPUs, Gloo tensors on the CPU.
            on_gpu = torch.device(device).type == "cuda"
            distributed.init_process_group("nccl" if on_gpu else "gloo")
        self.rank = distributed.get_rank() if self.world > 1 else 0

    def rows(self, batch: int) -> range:
        """The rows of the whole batch that this process computes."""
        if batch % self.world:
            raise ValueError(
                f"got a batch of {batch} for {self.world} processes; expected a multiple"
            )
        share = batch // self.world
        return range(self.rank * share, (self.rank + 1) * share)

    def together(self, loss: GroupLoss) -> nn.Module:
        """Wraps a loss so that backward averages gradients over all processes."""
        if self.world == 1:
            return loss
        # A loss may leave weights of its group unused. Weights and buffers are equal in all
        # processes from the start, as they come from a file or a seed.
        return DistributedDataParallel(
            loss, broadcast_buffers=False, find_unused_parameters=True, gradient_as_bucket_view=True
        )

    def apart(self, loss: nn.Module) -> AbstractContextManager[None]:
        """A context in which gradients accumulate locally, without exchange between processes."""
        return loss.no_sync() if isinstance(loss, DistributedDataParallel) else nullcontext()

    def mean(self, facts: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.world > 1:
            values = torch.stack([facts[name] for name in sorted(facts)])
            distributed.all_reduce(values)
            facts = dict(zip(sorted(facts), values / self.world, strict=True))
        return facts

    def gather(self, own: Any) -> list[Any]:
        """The objects of all processes, ordered by rank."""
        found = [own] * self.world
        if self.world > 1:
            distributed.all_gather_object(found, own)
        return found

    def agree(self, number: int, what: str) -> None:
        """Raises ValueError where the processes have different numbers."""
        numbers = self.gather(number)
        if len(set(numbers)) > 1:
            raise ValueError(
                f"got different values of the {what}: {numbers}; expected all processes to "
                "use the same folder; put it on a shared disk"
            )
