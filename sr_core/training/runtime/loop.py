"""The training loop of all stages.

A step is a function of the weights and of (seed, step), from which batch, noise and learning rate
are computed; there is no other state. So the same command resumes an interrupted run bit-exactly.

Rows are processed in parts of batch / (processes x accumulate) rows. Dropout draws per part, and a
loss may compare the rows of a part; then the result depends on the parts, but not on how they are
distributed: two processes give the same result as one process with twice as many parts. Without
dropout and such a loss it does not depend on the parts either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import tee
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ...config import to_dict
from ..data.dataset import Batches
from ..data.reader import Reader
from ..seeding import generator_of, seed_of
from ..tasks.task import Task
from .checkpointing import load_resume, save_resume
from .distributed import GroupLoss, Processes
from .logger import TrainingLogger
from .precision import autocast, warn_without_bf16
from .run_manifest import RunManifest
from .schedule import inverse_lr
from .validation import validate

SCHEDULES = ("constant", "cosine", "inverse_lr")


@dataclass(frozen=True)
class LoopConfig:
    """Settings of the loop: steps, batch, optimizer, learning rate, logging."""

    steps: int = 200_000
    batch: int = 64  # rows per step, over all processes
    accumulate: int = 1  # parts per step into which a process splits its rows
    optimizer: str = "adamw"  # or "radam"
    learning_rate: float = 1e-4  # peak
    betas: tuple[float, ...] = (0.9, 0.95)
    weight_decay: float = 0.02
    warmup: int = 5000  # steps of linear warm-up; inverse_lr: 1 / (1 - warm-up factor)
    schedule: str = "constant"
    clip: float = 1.0  # largest norm of the gradient
    ema: float = 0.9999  # largest decay of the running average of the weights
    bf16: bool = False  # autocast to bfloat16 if the device supports it
    seed: int = 0
    log_every: int = 50  # steps
    save_every: int = 1000  # steps
    show_every: int = 5000  # steps between validations: held-out loss and sounds
    workers: int = 2  # prefetching processes; 0: none, fastest for rows of a few kilobytes

    def __post_init__(self):
        if self.schedule not in SCHEDULES or self.optimizer not in ("adamw", "radam"):
            raise ValueError(
                f"got schedule {self.schedule!r} and optimizer {self.optimizer!r}; "
                f"expected one of {SCHEDULES} and adamw or radam"
            )

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        warm = min(1.0, (step + 1) / max(1, self.warmup))
        if self.schedule == "cosine":
            angle = torch.tensor(min(1.0, step / self.steps) * torch.pi)
            return self.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + angle.cos().item()))
        if self.schedule == "inverse_lr":
            return self.learning_rate * inverse_lr(step, self.warmup)
        return self.learning_rate * warm


def train(
    task: Task,
    batches: Batches,
    config: LoopConfig,
    directory: Path,
    save: Callable[[dict[str, Tensor], int], None],
    held_out: Batches | None = None,
    device: str | torch.device = "cpu",
    described: RunManifest | None = None,
) -> None:
    """Trains to the last step; `save(averaged weights, step)` writes the current result.

    `described` holds what must not change when a run resumes; default: the loop's settings.
    Raises ValueError where a loss or gradient norm is not finite, with the step and the clips of
    its rows.
    """
    processes = Processes(device)
    task.to(device).train()
    optimizers = {name: _optimizer(config, group) for name, group in task.groups().items()}
    average = AveragedModel(task.trained(), multi_avg_fn=ema_update(config.ema), use_buffers=True)
    described = described or RunManifest({"loop": to_dict(config)})
    resume = directory / "resume.safetensors"
    begin = load_resume(resume, task, average, optimizers, described)
    processes.agree(begin, "step to resume from")
    if processes.rank == 0:
        described.write(directory)
        warn_without_bf16(device, config.bf16)
    losses = {name: processes.together(GroupLoss(task, name)) for name in optimizers}
    parts = parts_of(processes.rows(config.batch), config.accumulate)
    reader = Reader(batches, range(begin, config.steps), parts, config.workers, device)
    with TrainingLogger(directory, begin, config.steps, enabled=processes.rank == 0) as logger:
        for step in range(begin, config.steps):
            task.step, began, waited = step, time.monotonic(), reader.seconds
            # The first group consumes the parts as they are read; `tee` keeps them for the others.
            for (group, optimizer), read in zip(
                optimizers.items(), tee(reader.step(), len(optimizers)), strict=True
            ):
                pace = task.pace(group)
                rate = pace.rate * config.rate(step)
                for settings in optimizer.param_groups:
                    settings["lr"] = rate
                facts = _accumulate(
                    losses[group], group, step, zip(parts, read, strict=True), config, processes
                )
                parameters = [p for own in optimizer.param_groups for p in own["params"]]
                norm = nn.utils.clip_grad_norm_(parameters, pace.clip or config.clip)
                facts |= {"gradient_norm": norm}
                _check(facts, step, group, reader.names, processes)
                optimizer.step()
                # Also clears gradients of other groups, such as the discriminator's after the
                # generator's update.
                task.zero_grad(set_to_none=True)
                logger.note(group, facts, rate)
            average.update_parameters(task.trained())
            waited, seconds = reader.seconds - waited, time.monotonic() - began
            logger.tick(step, config.batch, waited, seconds, config.log_every)
            done = step + 1
            if processes.rank:
                continue
            if held_out is not None and (done % config.show_every == 0 or done == config.steps):
                validate(task, held_out, config.seed, config.bf16, done, logger, device)
            if done % config.save_every == 0 or done == config.steps:
                # Before save_resume: after an interruption in between it is written again.
                save(average.module.state_dict(), done)
                save_resume(resume, done, task, average, optimizers, described)


def parts_of(rows: range, count: int) -> list[range]:
    """Splits rows into `count` parts of nearly equal size, or one part per row if rows < count."""
    edges = [len(rows) * n // min(count, len(rows)) for n in range(min(count, len(rows)) + 1)]
    return [rows[begin:end] for begin, end in zip(edges, edges[1:], strict=False)]


def _accumulate(
    group_loss: nn.Module,
    group: str,
    step: int,
    parts: Iterable[tuple[range, dict[str, Tensor]]],
    config: LoopConfig,
    processes: Processes,
) -> dict[str, Tensor]:
    """Accumulates the gradient of the mean loss over the rows of the step; returns means to log."""
    facts: dict[str, Tensor] = {}
    count = len(processes.rows(config.batch))
    done = 0
    for rows, batch in parts:
        device = next(iter(batch.values())).device.type
        generators = [generator_of(config.seed, step, row, group) for row in rows]
        torch.manual_seed(seed_of(config.seed, step, rows[0], group, "dropout"))
        share, done = len(rows) / count, done + len(rows)
        # Processes exchange gradients once per step, during the backward pass of the last part.
        with nullcontext() if done == count else processes.apart(group_loss):
            with autocast(device, config.bf16):
                loss, more = group_loss(batch, generators)
            (loss * share).backward()
        for name, value in {"loss": loss, **more}.items():
            facts[name] = facts.get(name, 0) + value.detach().float() * share
    return processes.mean(facts)


def _check(
    facts: dict[str, Tensor], step: int, group: str, names: list[str], processes: Processes
) -> None:
    """Raises ValueError in all processes, before the update, where a value is not finite."""
    if (facts["loss"] + facts["gradient_norm"]).isfinite():  # one synchronization with a GPU
        return
    what = "gradient_norm" if facts["loss"].isfinite() else "loss"
    names = [name for own in processes.gather(names) for name in own]
    raise ValueError(
        f"got a {what.replace('_', ' ')} of {facts[what].item()} for {group} at step {step}, from "
        f"{', '.join(names)}; expected a finite number; check these clips, or lower learning_rate"
    )


def ema_decay(longest: float, updates: int) -> float:
    """Decay of the running average; smaller for the first updates, so that the initial weights
    lose their influence."""
    return min(longest, (1 + updates) / (10 + updates))


def ema_update(longest: float) -> Callable[[Any, Any, Tensor | int], None]:
    """The update function of AveragedModel, with the decay of `ema_decay`."""

    def update(average: Any, weights: Any, updates: Tensor | int) -> None:
        decay = ema_decay(longest, int(updates))
        get_ema_multi_avg_fn(decay)(average, weights, updates)

    return update


def _optimizer(config: LoopConfig, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """An optimizer with weight decay for matrices and kernels only (not norms, biases, tokens)."""
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.RAdam
    decayed = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    first, second = config.betas
    return kind(groups, lr=config.learning_rate, betas=(first, second))
