"""Logging of a run: progress bar, curve.jsonl, and TensorBoard if it is installed."""

from __future__ import annotations

import json
import math
import sys
import warnings
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from ...io.write.partial import write_text
from ...rates import SAMPLE_RATE

CURVE = "curve.jsonl"


class TrainingLogger:
    """Logs losses, gradient norms and throughput; in TensorBoard also generated sound."""

    def __init__(self, directory: Path, begin: int, end: int, enabled: bool = True):
        self.enabled = enabled
        self.steps, self.rows = 0, 0  # since the last line, as all sums
        self.sums: dict[str, Tensor] = {}
        self.rates: dict[str, float] = {}
        self.waited, self.seconds = 0.0, 0.0
        self.writer = _writer(directory, begin) if enabled else None
        self.curve = directory / CURVE  # the same values without TensorBoard
        if enabled:
            _drop_after(self.curve, begin)
        self.bar = tqdm(total=end, initial=begin, unit="step", file=sys.stderr, disable=not enabled)

    def __enter__(self) -> TrainingLogger:
        return self

    def __exit__(self, *_) -> None:
        self.bar.close()
        if self.writer is not None:
            self.writer.close()

    def note(self, group: str, facts: dict[str, Tensor], rate: float) -> None:
        """Accumulates the values of one update of a group, until the next `tick` that writes."""
        for name, value in facts.items():
            # Kept on their device, so that only writing a line synchronizes with it.
            key = f"{group}/{name}"
            self.sums[key] = self.sums[key] + value if key in self.sums else value
        self.rates[f"{group}/learning_rate"] = rate

    def tick(self, step: int, rows: int, waited: float, seconds: float, every: int) -> None:
        """Counts a step of `seconds`, of which `waited` were spent on waiting for rows; every
        `every` steps writes the means of the accumulated values."""
        self.steps, self.rows = self.steps + 1, self.rows + rows
        self.waited, self.seconds = self.waited + waited, self.seconds + seconds
        self.bar.update(1)
        if (step + 1) % every or not self.enabled:
            return
        facts = {name: float(total) / self.steps for name, total in self.sums.items()} | self.rates
        losses = [f"{name} {value:.4g}" for name, value in facts.items() if name.endswith("/loss")]
        self.bar.set_postfix_str(", ".join(losses), refresh=False)
        facts["data_seconds"] = self.waited / self.steps
        facts["step_seconds"] = self.seconds / self.steps
        facts["rows_per_second"] = self.rows / self.seconds
        self.write(step + 1, facts)
        self.steps, self.rows, self.sums = 0, 0, {}
        self.waited, self.seconds = 0.0, 0.0

    def write(self, step: int, facts: dict[str, float]) -> None:
        """Appends a line to the curve, and adds the same values to TensorBoard."""
        with self.curve.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step} | facts) + "\n")
        if self.writer is not None:
            for name, value in facts.items():
                self.writer.add_scalar(name, value, step)

    def listen(self, step: int, waveforms: dict[str, Tensor]) -> None:  # each (c s)
        """Adds sounds (as mono) and their spectrograms to TensorBoard."""
        if self.writer is None:
            return
        for name, waveform in waveforms.items():
            mono = waveform.float().mean(dim=0, keepdim=True).cpu().clamp(-1, 1)
            self.writer.add_audio(name, mono, step, SAMPLE_RATE)
            self.writer.add_image(name, spectrogram(mono[0]), step, dataformats="HW")


def spectrogram(waveform: Tensor) -> Tensor:  # (s) -> (frequency time) in 0..1
    """Magnitudes in dB relative to the loudest, -80..0 mapped to 0..1; low frequencies last."""
    window = torch.hann_window(1024)
    spectrum = torch.stft(waveform, 1024, 256, window=window, return_complex=True).abs()
    decibels = 20 * (spectrum / spectrum.max().clamp(min=1e-5)).clamp(min=1e-4).log10()
    return (1 + decibels / 80).flip(0)


def _drop_after(curve: Path, begin: int) -> None:
    """Removes the lines after step `begin`, which a resumed run writes again.

    Lines that are not JSON objects are kept: they are notes of the user.
    """
    lines = curve.read_text(encoding="utf-8").splitlines() if curve.exists() else []
    kept = [line for line in lines if not line.startswith("{") or _step_of(line) <= begin]
    if len(kept) < len(lines):
        write_text(curve, "".join(f"{line}\n" for line in kept))


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except ValueError:
        return math.inf  # an incomplete line of an interrupted run


def _writer(directory: Path, begin: int):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        warnings.warn(
            f"losses are written to {directory / CURVE} only; `pip install tensorboard` for plots, "
            "and for generated sounds with their references",
            stacklevel=2,
        )
        return None
    return SummaryWriter(directory / "tensorboard", purge_step=begin + 1)
