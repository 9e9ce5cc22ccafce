"""Cost of a run, estimated from one row of its data: parameters, FLOPs, time."""

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

PASSES = 2  # number of timed passes, after one pass whose FLOPs are counted
ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
ATTENTION_BACK = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
# PyTorch's FLOP counter supports only the GPU kernels of attention.
UNCOUNTED = {
    ATTENTION: lambda *shapes, **_: sdpa_flop_count(*shapes[:3]),
    ATTENTION_BACK: lambda *shapes, **_: sdpa_backward_flop_count(*shapes[:4]),
}


def costs_of(
    task: Task, loop: LoopConfig, row: dict[str, Tensor], device: str | torch.device
) -> dict[str, Any]:
    """Parameters, FLOPs and hours of a run, from forward and backward of a batch of one row."""
    warn_without_bf16(device, loop.bf16)
    task.to(device).train()
    task.step = loop.steps // 2  # mid-run, where losses that start late are active
    row = {name: tensor.to(device) for name, tensor in row.items()}
    with FlopCounterMode(display=False, custom_mapping=UNCOUNTED) as counter:
        _pass(task, loop, row)
    seconds = min(_pass(task, loop, row) for _ in range(PASSES)) * loop.batch
    return {
        "parameters": _parameters(task),
        "flops_per_step": counter.get_total_flops() * loop.batch,
        "seconds_per_step": float(f"{seconds:.3g}"),
        "hours": float(f"{seconds * loop.steps / 3600:.3g}"),
        "measured": f"an estimate: the best of {PASSES} forward and backward passes of one row on "
        f"{_device_name(device)} at step {task.step}, times loop.batch; without optimizer, reading "
        "and distributed training; FLOPs: matrix products, convolutions and attention",
    }


def _pass(task: Task, loop: LoopConfig, row: dict[str, Tensor]) -> float:
    """Seconds of the forward and backward passes of all parameter groups, without the optimizer."""
    device = next(iter(row.values())).device
    _synchronize(device)
    began = time.monotonic()
    for group in task.groups():
        generators = [generator_of(loop.seed, task.step, 0, group)]
        with autocast(device, loop.bf16):
            loss, _ = task.loss(group, row, generators)
        loss.backward()
    _synchronize(device)
    seconds = time.monotonic() - began
    task.zero_grad(set_to_none=True)
    return seconds


def _parameters(task: Task) -> dict[str, int]:
    """Number of trainable parameters per part, and of frozen parameters."""
    trainable = {id(parameter) for group in task.groups().values() for parameter in group}
    counts: Counter[str] = Counter()
    for name, parameter in task.named_parameters():
        part = ".".join(name.split(".")[:2])
        is_trained = parameter.requires_grad and id(parameter) in trainable
        counts[part if is_trained else "frozen"] += parameter.numel()
    return dict(counts)


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _device_name(device: str | torch.device) -> str:
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device} ({torch.get_num_threads()} threads)"
