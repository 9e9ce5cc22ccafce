"""The training loop: one for every stage.

A step is a function of the weights and of (seed, step): its batch, its noise and its learning rate
are computed from them, and nothing else has to be remembered. So the same command goes on after a
stop exactly as if there had been none, and two processes with half the batch each do what one does
with all of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..config import to_dict
from .chance import generator_of, seed_of
from .data import Batches
from .described import Described
from .diary import Diary
from .precision import autocast, warn_without_bf16
from .processes import Processes
from .resume import load_resume, save_resume
from .schedule import inverse_lr
from .task import Task

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
    show_every: int = 5000

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
    described: Described | None = None,
) -> None:
    """Train to the last step; `save(averaged weights, step)` writes the result as it stands.

    `described` is what may not change when a run goes on, by default the loop's settings.
    Raises ValueError where a loss or gradient is no number, with the step and the rows that it
    came from.
    """
    processes = Processes(device)
    task.to(device).train()
    optimizers = {name: _optimizer(config, group) for name, group in task.groups().items()}
    average = {name: value.detach().float().clone() for name, value in _weights(task).items()}
    described = described or Described({"loop": to_dict(config)})
    resume = directory / "resume.safetensors"
    begin = load_resume(resume, task, average, optimizers, described)
    processes.agree(begin, "step to resume from")
    if processes.rank == 0:
        described.write(directory)
        warn_without_bf16(device, config.bf16)
    with Diary(directory, begin, config.steps, enabled=processes.rank == 0) as diary:
        for step in range(begin, config.steps):
            task.step = step
            torch.manual_seed(seed_of(config.seed, step, processes.rank, "dropout"))
            rows = processes.rows(config.batch)
            batch, names = batches.at(step, rows)
            batch = {name: value.to(device, non_blocking=True) for name, value in batch.items()}
            began = time.monotonic()
            for group, optimizer in optimizers.items():
                pace = task.pace(group)
                rate = pace.rate * config.rate(step)
                for settings in optimizer.param_groups:
                    settings["lr"] = rate
                facts = _accumulate(task, group, batch, rows, config, processes)
                parameters = optimizer.param_groups[0]["params"]
                processes.average([p.grad for p in parameters if p.grad is not None])
                norm = nn.utils.clip_grad_norm_(parameters, pace.clip or config.clip)
                facts |= {"gradient_norm": norm}
                _check(facts, step, group, names, processes)
                optimizer.step()
                # Also what this turn left with the others: a judge's gradient of the judged.
                task.zero_grad(set_to_none=True)
                diary.note(group, facts, rate)
            _follow(average, _weights(task), config.ema, step)
            diary.tick(step, config.batch, time.monotonic() - began, config.log_every)
            done = step + 1
            if held_out is not None and done % config.show_every == 0 and processes.rank == 0:
                _show(task, held_out, config, done, diary, device)
            if processes.rank == 0 and (done % config.save_every == 0 or done == config.steps):
                save(average, done)  # first: a stop in between makes it once more, not never
                save_resume(resume, done, task, average, optimizers, described)


def _accumulate(
    task: Task,
    group: str,
    batch: dict[str, Tensor],
    rows: range,
    config: LoopConfig,
    processes: Processes,
) -> dict[str, Tensor]:
    """Gradients of the mean loss over this process's rows, in parts; returns means to log."""
    facts: dict[str, Tensor] = {}
    parts = torch.arange(len(rows)).tensor_split(min(config.accumulate, len(rows)))
    device = next(iter(batch.values())).device.type
    for part in parts:
        generators = [generator_of(config.seed, task.step, rows[i], group) for i in part.tolist()]
        share = len(part) / len(rows)
        piece = {name: value[part.to(value.device)] for name, value in batch.items()}
        with autocast(device, config.bf16):
            loss, more = task.loss(group, piece, generators)
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


def _follow(
    average: dict[str, Tensor], weights: dict[str, Tensor], decay: float, step: int
) -> None:
    """Running average; early on it forgets faster, so that it does not remember the start."""
    decay = min(decay, (1 + step) / (10 + step))
    for name, value in weights.items():
        average[name].lerp_(value.detach().float(), 1 - decay)


def _show(task: Task, held_out: Batches, config: LoopConfig, step: int, diary: Diary, device):
    """Held-out rows as the weights of this step make them sound, for the diary to play."""
    batch, _ = held_out.at(0, range(held_out.batch))
    batch = {name: value.to(device) for name, value in batch.items()}
    generators = [generator_of(config.seed, "show", row) for row in range(held_out.batch)]
    task.eval()
    with torch.no_grad():
        diary.listen(step, task.show(batch, generators))
    task.train()


def _weights(task: Task) -> dict[str, Tensor]:
    return {n: v for n, v in task.trained().state_dict().items() if v.is_floating_point()}


def _optimizer(config: LoopConfig, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.RAdam
    return kind(
        parameters,
        lr=config.learning_rate,
        betas=tuple(config.betas),
        weight_decay=config.weight_decay,
    )
