"""Implementation of `train`: runs one stage of training."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from ...config import changed, from_dict, to_dict
from ...hub import Tell, local_file
from ...hub_address import Address
from ...io.write.partial import sole_writer
from ...training import self_forcing_stage, stages, tuning_stages, whiten_stage
from ...training.data.dataset import one_row
from ...training.data.shards import check_has
from ...training.runtime.cost import costs_of
from ...training.runtime.loop import LoopConfig
from ...training.runtime.run_manifest import Origin
from ...training.seeding import generator_of
from ...training.tasks.task import Task
from ..console import say

# Any: the stage's own settings, an instance of the type beside it.
Stage = Callable[[Path, Path, Any, Path | None, str, Origin], Path]
MakeTask = Callable[[Path, Any, Path | None, str], tuple[Task, nn.Module]]

STAGES: dict[str, tuple[type[Any], Stage]] = {
    "vae": (stages.VAERun, stages.train_vae),
    "whiten": (whiten_stage.WhitenRun, whiten_stage.train_whiten),
    "diffusion": (stages.DiffusionRun, stages.train_diffusion),
    "consistency": (tuning_stages.ConsistencyRun, tuning_stages.train_consistency),
    "distill": (tuning_stages.DistillRun, tuning_stages.train_distill),
    "self-forcing": (self_forcing_stage.SelfForcingRun, self_forcing_stage.train_self_forcing),
}
TASKS: dict[str, MakeTask] = {
    "vae": stages.vae_task,
    "diffusion": stages.diffusion_task,
    "consistency": tuning_stages.consistency_task,
    "distill": tuning_stages.distill_task,
    "self-forcing": self_forcing_stage.self_forcing_task,
}


class StepSettings(Protocol):
    """The settings that all stages of TASKS have."""

    @property
    def frames(self) -> int: ...

    @property
    def loop(self) -> LoopConfig: ...


def train(options: argparse.Namespace) -> int:
    """Run the verb `train`; returns the exit status."""
    if options.output is None:
        raise ValueError("got no folder for this run; expected one; give -o FOLDER")
    kind, stage = STAGES[options.stage]
    given = json.loads(options.config.read_text(encoding="utf-8")) if options.config else {}
    given.pop("costs", None)  # a dry run adds them to its settings
    config: Any = changed(from_dict(kind, given), options.set)
    if options.threads:
        torch.set_num_threads(options.threads)
    first = os.environ.get("RANK", "0") == "0"  # only this process of a distributed run writes
    origin = _fetched(options, say if first else _silent)
    if options.dry_run:
        print(json.dumps(to_dict(config) | {"costs": _costs(options, config)}, indent=2))
        return 0
    options.output.mkdir(parents=True, exist_ok=True)
    with sole_writer(options.output / "training") if first else nullcontext():
        device = _local_device(options.device)
        target = stage(options.data, options.output, config, options.init, device, origin)
    print(target)
    return 0


def _fetched(options: argparse.Namespace, tell: Tell) -> dict[str, str] | None:
    """Replace an address in `--init` by its local path; returns the origin, None for a path."""
    if not isinstance(options.init, Address):
        return None
    fetched = local_file(options.init, tell)
    options.init = fetched.path
    return fetched.origin


def _silent(text: str) -> None:
    """Print nothing: the first process of this run prints it."""


def _costs(options: argparse.Namespace, config: StepSettings) -> dict[str, Any] | None:
    """Estimated cost of the run; None, with the reason on stderr, if it cannot be computed."""
    try:
        if options.stage not in TASKS:
            raise ValueError(f"{options.stage} takes no steps")
        row, device = one_row(options.data, config.frames), _local_device(options.device)
        task, _ = TASKS[options.stage](options.data, config, options.init, device)
        check_has(row, task.caches or task.reads, str(options.data))
        if task.caches:
            row = {name: x.to(device) for name, x in row.items()}
            row = task.cached(row, [generator_of(config.loop.seed)])
        return costs_of(task, config.loop, row, device)
    except ValueError as error:
        print(f"costs are not known: {' '.join(str(error).split())}", file=sys.stderr)
        return None


def _local_device(device: str | None) -> str:
    """The device of this process: torchrun starts one process per GPU."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device != "cuda" or "LOCAL_RANK" not in os.environ:
        return device
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return f"cuda:{os.environ['LOCAL_RANK']}"
