"""The training loop: one for every stage.

A step is a function of the weights and of (seed, step): its batch, its noise and its learning rate
are computed from them, and nothing else has to be remembered. So the same command goes on after a
stop exactly as if there had been none.

Rows are taken in parts: batch / (processes x accumulate) at once. Only what is computed together
matters: two processes do what one does in twice as many parts, also where dropout draws for a part
and a loss compares its rows. Without such a loss and dropout the parts do not matter either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import tee
from pathlib import Path

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
    """How long, how fast, how much at once."""

    steps: int = 200_000
    batch: int = 64  # rows a step, over all processes
    accumulate: int = 1  # parts that a process takes its rows in
    optimizer: str = "adamw"  # or "radam"
    learning_rate: float = 1e-4
    betas: tuple[float, ...] = (0.9, 0.95)
    weight_decay: float = 0.02
    warmup: int = 5000  # steps of linear growth; of inverse_lr's exponential one 1 / (1 - factor)
    schedule: str = "constant"
    clip: float = 1.0  # of the gradient's norm
    ema: float = 0.9999
    bf16: bool = False  # where the device has it
    seed: int = 0
    log_every: int = 50
    save_every: int = 1000
    show_every: int = 5000  # also: computes the loss of held-out rows
    workers: int = 2  # processes that read ahead; 0: none, best where rows are a few kilobytes

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
            turn = torch.tensor(min(1.0, step / self.steps) * torch.pi)
            return self.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + turn.cos().item()))
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
    """Train to the last step; `save(averaged weights, step)` writes the result as it stands.

    `described` is what may not change when a run goes on, by default the loop's settings.
    Raises ValueError where a loss or gradient is no number, with the step and the rows that it
    came from.
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
    turns = {name: processes.together(GroupLoss(task, name)) for name in optimizers}
    parts = parts_of(processes.rows(config.batch), config.accumulate)
    reader = Reader(batches, range(begin, config.steps), parts, config.workers, device)
    with TrainingLogger(directory, begin, config.steps, enabled=processes.rank == 0) as logger:
        for step in range(begin, config.steps):
            task.step, began, waited = step, time.monotonic(), reader.seconds
            # The first group's turn takes the parts as they come; they are kept for the others'.
            for (group, optimizer), read in zip(
                optimizers.items(), tee(reader.step(), len(optimizers)), strict=True
            ):
                pace = task.pace(group)
                rate = pace.rate * config.rate(step)
                for settings in optimizer.param_groups:
                    settings["lr"] = rate
                facts = _accumulate(
                    turns[group], group, step, zip(parts, read, strict=True), config, processes
                )
                parameters = [p for own in optimizer.param_groups for p in own["params"]]
                norm = nn.utils.clip_grad_norm_(parameters, pace.clip or config.clip)
                facts |= {"gradient_norm": norm}
                _check(facts, step, group, reader.names, processes)
                optimizer.step()
                # Also what this turn left with the others: a judge's gradient of the judged.
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
                # First: a stop in between makes it once more, not never.
                save(average.module.state_dict(), done)
                save_resume(resume, done, task, average, optimizers, described)


def parts_of(rows: range, count: int) -> list[range]:
    """Rows in `count` parts as equal as can be, or in one for each row where there are fewer."""
    edges = [len(rows) * n // min(count, len(rows)) for n in range(min(count, len(rows)) + 1)]
    return [rows[begin:end] for begin, end in zip(edges, edges[1:], strict=False)]


def _accumulate(
    turn: nn.Module,
    group: str,
    step: int,
    parts: Iterable[tuple[range, dict[str, Tensor]]],
    config: LoopConfig,
    processes: Processes,
) -> dict[str, Tensor]:
    """Gradients of the mean loss over all rows of the step, in parts; returns means to log."""
    facts: dict[str, Tensor] = {}
    count = len(processes.rows(config.batch))
    done = 0
    for rows, batch in parts:
        device = next(iter(batch.values())).device.type
        generators = [generator_of(config.seed, step, row, group) for row in rows]
        torch.manual_seed(seed_of(config.seed, step, rows[0], group, "dropout"))
        share, done = len(rows) / count, done + len(rows)
        # Gradients meet those of the other processes once a step, while the last part's are made.
        with nullcontext() if done == count else processes.apart(turn):
            with autocast(device, config.bf16):
                loss, more = turn(batch, generators)
            (loss * share).backward()
        for name, value in {"loss": loss, **more}.items():
            facts[name] = facts.get(name, 0) + value.detach().float() * share
    return processes.mean(facts)


def _check(
    facts: dict[str, Tensor], step: int, group: str, names: list[str], processes: Processes
) -> None:
    """ValueError, in all processes, before weights are moved by what is no number."""
    if (facts["loss"] + facts["gradient_norm"]).isfinite():  # waits for a GPU once
        return
    what = "gradient_norm" if facts["loss"].isfinite() else "loss"
    names = [name for own in processes.gather(names) for name in own]
    raise ValueError(
        f"got a {what.replace('_', ' ')} of {facts[what].item()} for {group} at step {step}, from "
        f"{', '.join(names)}; expected a number; look at these clips, or lower learning_rate"
    )


def ema_decay(longest: float, updates: int) -> float:
    """The share that a running average keeps at an update; after few it forgets faster, so that it
    does not remember the start."""
    return min(longest, (1 + updates) / (10 + updates))


def ema_update(longest: float) -> Callable[[list[Tensor], list[Tensor], Tensor], None]:
    """What AveragedModel does with its weights and the model's after so many updates."""

    def update(average: list[Tensor], weights: list[Tensor], updates: Tensor) -> None:
        decay = ema_decay(longest, int(updates))
        get_ema_multi_avg_fn(decay)(average, weights, updates)

    return update


def _optimizer(config: LoopConfig, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Weight decay is for matrices and kernels; not for norms, biases and single tokens."""
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.RAdam
    decayed = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return kind(groups, lr=config.learning_rate, betas=tuple(config.betas))
