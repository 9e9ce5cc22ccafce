"""The state of a run between two steps, in one file without a pickle."""

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
    """Write what changes from step to step, whole or not at all: weights that are moved, their
    average and the optimizers' moments. Frozen weights come from where the run began."""
    moved, state = _moved(optimizers), task.state_dict(keep_vars=True)
    tensors = {f"task.{name}": value for name, value in state.items() if id(value) in moved}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for group, optimizer in optimizers.items():
        for place, moments in optimizer.state_dict()["state"].items():
            for name, value in moments.items():
                tensors[f"optimizer.{group}.{place}.{name}"] = torch.as_tensor(value)
    tensors = {name: value.detach().cpu().clone() for name, value in tensors.items()}
    write_weights(tensors, path, {"step": str(step), "run": described.as_json()})


def load_resume(
    path: Path,
    task: nn.Module,
    average: AveragedModel,
    optimizers: Optimizers,
    described: RunManifest,
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
    moved, state = _moved(optimizers), task.state_dict(keep_vars=True)
    _fill({n: x for n, x in state.items() if id(x) in moved}, _under(tensors, "task."), path)
    _fill(average.state_dict(), _under(tensors, "average."), path)
    for group, optimizer in optimizers.items():
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _under(tensors, f"optimizer.{group}.").items():
            place, moment = name.split(".")
            # A copy: Windows replaces no file that a tensor still lies in.
            state.setdefault(int(place), {})[moment] = value.clone()
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    return int(metadata["step"])


def _moved(optimizers: Optimizers) -> set[int]:
    """The identities of all parameters that an optimizer moves."""
    groups = [group for optimizer in optimizers.values() for group in optimizer.param_groups]
    return {id(parameter) for group in groups for parameter in group["params"]}


@torch.no_grad()
def _fill(state: dict[str, Tensor], saved: dict[str, Tensor], path: Path) -> None:
    """Copy saved tensors into those of a module, which must be the same ones."""
    if names := sorted(state.keys() ^ saved.keys()):
        raise ValueError(
            f"got {path} with other tensors than this run's ({len(names)} are in one alone: "
            f"{names[0]}, ...); expected a file of this version; delete it to begin anew"
        )
    for name, value in state.items():
        value.copy_(saved[name])


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n[len(prefix) :]: value for n, value in tensors.items() if n.startswith(prefix)}
