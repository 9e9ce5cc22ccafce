"""Measured peak performance of the device: memory bandwidth and matrix multiplication."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from ..engine.packed_weights import packed

REPEATS = 7  # repetitions of each measurement, of which the fastest counts
SIDE = 8192  # side of the matrix that is read: 256 MiB in float32, larger than any cache
SQUARE = 1536  # side of the matrices that are multiplied


class Hardware(NamedTuple):
    name: str
    bytes_per_second: float
    flops_per_second: float


def measure_hardware(device: torch.device, dtype: torch.dtype) -> Hardware:
    """The fastest of several reads and products, with the current number of threads and dtype."""
    with torch.inference_mode():
        matrix = torch.ones(SIDE, SIDE, dtype=dtype, device=device)
        layer = nn.Linear(SIDE, SIDE, bias=False, device="meta")
        layer.weight = nn.Parameter(matrix, requires_grad=False)
        row = torch.ones(1, SIDE, dtype=dtype, device=device)
        reading = min(_best(device, lambda: layer(row)), _best(device, lambda: matrix.sum()))
        read = matrix.nbytes / reading
        square = packed(nn.Linear(SQUARE, SQUARE, bias=False).to(device, dtype))
        x = torch.ones(SQUARE, SQUARE, dtype=dtype, device=device)
        multiplied = 2 * SQUARE**3 / _best(device, lambda: square(x))
    return Hardware(name_of(device), read, multiplied)


def name_of(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        return names[0] if names else platform.machine()
    return platform.processor() or platform.machine()


def seconds_now(device: torch.device) -> float:
    """Current time in seconds, after all queued work of the device is complete."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


def peak_mib(device: torch.device) -> float | None:
    """Peak memory in MiB of the process (on CUDA: of the device); None if unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return None
    import resource  # Unix only

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _best(device: torch.device, work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        began = seconds_now(device)
        work()
        times.append(seconds_now(device) - began)
    return min(times)
