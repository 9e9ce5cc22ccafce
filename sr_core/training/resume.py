"""The state of a run between two steps, in one file without a pickle."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from ..checkpoint import write_weights
from .described import Described

Optimizers = dict[str, torch.optim.Optimizer]


def save_resume(
    path: Path,
    step: int,
    task: nn.Module,
    average: dict[str, Tensor],
    optimizers: Optimizers,
    described: Described,
) -> None:
    """Write weights, their average and the optimizers' moments, whole or not at all."""
    tensors = {f"task.{name}": value for name, value in task.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    for group, optimizer in optimizers.items():
        for place, moments in optimizer.state_dict()["state"].items():
            for name, value in moments.items():
                tensors[f"optimizer.{group}.{place}.{name}"] = torch.as_tensor(value)
    tensors = {name: value.detach().cpu().clone() for name, value in tensors.items()}
    write_weights(tensors, path, {"step": str(step), "run": described.as_json()})


def load_resume(
    path: Path,
    task: nn.Module,
    average: dict[str, Tensor],
    optimizers: Optimizers,
    described: Described,
) -> int:
    """Take up the run in the file, if there is one; gives the step to go on with.

    Raises ValueError where it is another run.
    """
    if not path.exists():
        return 0
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    described.check(metadata.get("run", "{}"), path)
    tensors = load_file(path)
    task.load_state_dict(_under(tensors, "task."))
    for name, value in _under(tensors, "average.").items():
        average[name].copy_(value)
    for group, optimizer in optimizers.items():
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _under(tensors, f"optimizer.{group}.").items():
            place, moment = name.split(".")
            # A copy: Windows replaces no file that a tensor still lies in.
            state.setdefault(int(place), {})[moment] = value.clone()
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    return int(metadata["step"])


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n[len(prefix) :]: value for n, value in tensors.items() if n.startswith(prefix)}
