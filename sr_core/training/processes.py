"""One process or many (torchrun), with the same words."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor, distributed


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

    def average(self, gradients: list[Tensor]) -> None:
        """Replace gradients by their mean over all processes, in one exchange."""
        if self.world == 1 or not gradients:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.world
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, mean in zip(gradients, flat.split(sizes), strict=True):
            gradient.copy_(mean.view_as(gradient))

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
