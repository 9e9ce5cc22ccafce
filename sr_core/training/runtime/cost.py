"""Cost of a run estimated from one row of its data: parameters, operations, time."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from ..seeding import generator_of
from ..tasks.task import Task
from .loop import LoopConfig
from .precision import autocast, warn_without_bf16

PASSES = 2  # that are timed, after one that is counted
ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
ATTENTION_BACK = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
# PyTorch's counter knows the kernels of GPUs alone.
UNCOUNTED = {
    ATTENTION: lambda *shapes, **_: sdpa_flop_count(*shapes[:3]),
    ATTENTION_BACK: lambda *shapes, **_: sdpa_backward_flop_count(*shapes[:4]),
}


def costs_of(
    task: Task, loop: LoopConfig, row: dict[str, Tensor], device: str | torch.device
) -> dict[str, Any]:
    """Counts and seconds of a whole run, from forward and backward of a batch of one row."""
    warn_without_bf16(device, loop.bf16)
    task.to(device).train()
    task.step = loop.steps // 2  # what begins late has begun, and what ends late goes on
    row = {name: tensor.to(device) for name, tensor in row.items()}
    with FlopCounterMode(display=False, custom_mapping=UNCOUNTED) as counter:
        _pass(task, loop, row)
    seconds = min(_pass(task, loop, row) for _ in range(PASSES)) * loop.batch
    return {
        "parameters": _parameters(task),
        "flops_per_step": counter.get_total_flops() * loop.batch,
        "seconds_per_step": float(f"{seconds:.3g}"),
        "hours": float(f"{seconds * loop.steps / 3600:.3g}"),
        "measured": f"an estimate: the best of {PASSES} passes forward and backward of one row on "
        f"{_named(device)}, as at step {task.step}, times loop.batch; without optimizer, reading "
        "and several processes; FLOPs are those of matrix products, convolutions and attention",
    }


def _pass(task: Task, loop: LoopConfig, row: dict[str, Tensor]) -> float:
    """Seconds of every group's turn, as the loop takes them but for the optimizer's."""
    device = next(iter(row.values())).device
    _wait(device)
    began = time.monotonic()
    for group in task.groups():
        generators = [generator_of(loop.seed, task.step, 0, group)]
        with autocast(device, loop.bf16):
            loss, _ = task.loss(group, row, generators)
        loss.backward()
    _wait(device)
    seconds = time.monotonic() - began
    task.zero_grad(set_to_none=True)
    return seconds


def _parameters(task: Task) -> dict[str, int]:
    """How many learn in each part, and how many are frozen."""
    learning = {id(parameter) for group in task.groups().values() for parameter in group}
    counts: Counter[str] = Counter()
    for name, parameter in task.named_parameters():
        part = ".".join(name.split(".")[:2])
        learns = parameter.requires_grad and id(parameter) in learning
        counts[part if learns else "frozen"] += parameter.numel()
    return dict(counts)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _named(device: str | torch.device) -> str:
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device} ({torch.get_num_threads()} threads)"
