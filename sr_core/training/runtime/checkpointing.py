"""Checkpointing: the state of a run between two steps, in one safetensors file."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from ...checkpoint import write_weights
from .run_manifest import RunManifest

Optimizers = dict[str, torch.optim.Optimizer]


def save_resume(
    path: Path,
    step: int,
    task: nn.Module,
    average: AveragedModel,
    optimizers: Optimizers,
    described: RunManifest,
) -> None:
    """Writes the trained weights, their running average and the optimizers' moments, atomically.

    Frozen weights are not stored; they come from the inputs of the run.
    """
    trained, state = _trained(optimizers), task.state_dict(keep_vars=True)
    tensors = {f"task.{name}": value for name, value in state.items() if id(value) in trained}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for group, optimizer in optimizers.items():
        for index, moments in optimizer.state_dict()["state"].items():
            for name, value in moments.items():
                tensors[f"optimizer.{group}.{index}.{name}"] = torch.as_tensor(value)
    tensors = {name: value.detach().cpu().clone() for name, value in tensors.items()}
    write_weights(tensors, path, {"step": str(step), "run": described.as_json()})


def load_resume(
    path: Path,
    task: nn.Module,
    average: AveragedModel,
    optimizers: Optimizers,
    described: RunManifest,
) -> int:
    """Restores the state in the file, if it exists; returns the step to continue with.

    Raises ValueError where the file belongs to another run.
    """
    if not path.exists():
        return 0
    metadata = check_resume(path, described)
    tensors = load_file(path)
    trained = _trained(optimizers)
    own = {n: x for n, x in task.state_dict(keep_vars=True).items() if id(x) in trained}
    _fill(own, _without_prefix(tensors, "task."), path)
    _fill(average.state_dict(), _without_prefix(tensors, "average."), path)
    for group, optimizer in optimizers.items():
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _without_prefix(tensors, f"optimizer.{group}.").items():
            index, moment = name.split(".")
            # A copy: Windows cannot replace a file to which a tensor is still mapped.
            state.setdefault(int(index), {})[moment] = value.clone()
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    return int(metadata["step"])


def check_resume(path: Path, described: RunManifest) -> dict[str, str]:
    """The metadata of the file, {} if it does not exist; ValueError if it is of another run."""
    if not path.exists():
        return {}
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    described.check(metadata.get("run", "{}"), path)
    return metadata


def _trained(optimizers: Optimizers) -> set[int]:
    """The ids of all parameters that the optimizers update."""
    groups = [group for optimizer in optimizers.values() for group in optimizer.param_groups]
    return {id(parameter) for group in groups for parameter in group["params"]}


@torch.no_grad()
def _fill(state: dict[str, Tensor], saved: dict[str, Tensor], path: Path) -> None:
    """Copies saved tensors into those of a module; ValueError where the names differ."""
    if names := sorted(state.keys() ^ saved.keys()):
        raise ValueError(
            f"got {path} with other tensors than this run's ({len(names)} are in only one of them: "
            f"{names[0]}, ...); expected a file of this version; delete it to begin anew"
        )
    for name, value in state.items():
        value.copy_(saved[name])


def _without_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n[len(prefix) :]: value for n, value in tensors.items() if n.startswith(prefix)}
