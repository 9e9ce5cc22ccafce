"""What a run says while it runs: a progress bar, and TensorBoard where it is installed."""

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
    """Losses, gradient norms, throughput, and sound next to its reference."""

    def __init__(self, directory: Path, begin: int, end: int, enabled: bool = True):
        self.enabled = enabled
        self.steps, self.rows, self.sums, self.rates = 0, 0, {}, {}  # since the last line
        self.waited, self.seconds = 0.0, 0.0
        self.writer = _writer(directory, begin) if enabled else None
        self.curve = directory / CURVE  # the same numbers for whom TensorBoard is too much
        if enabled:
            _forget(self.curve, begin)
        self.bar = tqdm(total=end, initial=begin, unit="step", file=sys.stderr, disable=not enabled)

    def __enter__(self) -> TrainingLogger:
        return self

    def __exit__(self, *_) -> None:
        self.bar.close()
        if self.writer is not None:
            self.writer.close()

    def note(self, group: str, facts: dict[str, Tensor], rate: float) -> None:
        """Remember what a group's turn gave, until the next `tick` that writes."""
        for name, value in facts.items():
            # Still on their device: only a line that is written waits for it.
            self.sums[f"{group}/{name}"] = self.sums.get(f"{group}/{name}", 0) + value
        self.rates[f"{group}/learning_rate"] = rate

    def tick(self, step: int, rows: int, waited: float, seconds: float, every: int) -> None:
        """Count a step of so many seconds, of which it `waited` for its rows; every so many steps
        write the means of what was noted."""
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
        """A line of the curve, and the same in TensorBoard."""
        with self.curve.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step} | facts) + "\n")
        if self.writer is not None:
            for name, value in facts.items():
                self.writer.add_scalar(name, value, step)

    def listen(self, step: int, waveforms: dict[str, Tensor]) -> None:  # each (c s)
        if self.writer is None:
            return
        for name, waveform in waveforms.items():
            mono = waveform.float().mean(dim=0, keepdim=True).cpu().clamp(-1, 1)
            self.writer.add_audio(name, mono, step, SAMPLE_RATE)
            self.writer.add_image(name, spectrogram(mono[0]), step, dataformats="HW")


def spectrogram(waveform: Tensor) -> Tensor:  # (s) -> (frequency time) in 0..1
    """Magnitudes from -80 dB to 0 dB below the loudest, low frequencies at the bottom."""
    window = torch.hann_window(1024)
    spectrum = torch.stft(waveform, 1024, 256, window=window, return_complex=True).abs()
    decibels = 20 * (spectrum / spectrum.max().clamp(min=1e-5)).clamp(min=1e-4).log10()
    return (1 + decibels / 80).flip(0)


def _forget(curve: Path, begin: int) -> None:
    """Drop what a run that was stopped wrote after its last save: it comes again."""
    lines = curve.read_text(encoding="utf-8").splitlines() if curve.exists() else []
    kept = [line for line in lines if not line.startswith("{") or _step_of(line) <= begin]
    if len(kept) < len(lines):  # lines of anything else are somebody's notes
        write_text(curve, "".join(f"{line}\n" for line in kept))


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except ValueError:
        return math.inf  # half written when the run was stopped


def _writer(directory: Path, begin: int):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        warnings.warn(
            f"losses are written to {directory / CURVE} alone; `pip install tensorboard` for "
            "pictures of them, and for sounds beside their references",
            stacklevel=2,
        )
        return None
    return SummaryWriter(directory / "tensorboard", purge_step=begin + 1)
