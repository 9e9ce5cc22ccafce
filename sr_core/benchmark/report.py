"""Benchmark results as a JSON object and as a text table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

from .cost import Cost
from .hardware import Hardware
from .llama import ONE_CALL
from .run import PARTS, Times

OUTSIDE = ("dinov2", ONE_CALL, "vae")  # peers that together do the work of a whole frame
COLUMN = 22  # characters, width of the column of peers' names
QUIET = 0.9  # CPU time / wall time, below which other processes used the core
GUIDANCE = 3.0  # guidance scale of the paper's protocol
WIDTH = 40  # characters, length of the longest bar


class Setup(NamedTuple):
    config: str
    device: str
    dtype: str
    threads: int
    steps: int
    frames: int


class PeerTimes(NamedTuple):
    """Medians of a pair, rounded; ratio = theirs / ours, above 1 where we are faster."""

    ours_ms: float
    theirs_ms: float
    ratio: float


class Report(NamedTuple):
    setup: Setup
    times: Times
    hardware: Hardware
    costs: dict[str, Cost]
    missing: Mapping[str, str]  # requested peer -> reason why it was not measured
    frame_rate: float

    def figures(self) -> dict[str, Any]:
        """The JSON object. A peer that was not measured has null times and a null ratio."""
        waveform = spread(self.times.waveform)
        return {
            **self.setup._asdict(),
            "waveform_ms": waveform,
            "token_ms": spread(self.times.token),
            "parts_ms": {part: _round(statistics.mean(self.times.parts[part])) for part in PARTS},
            "real_time_factor": _round(1000 / self.frame_rate / waveform["mean"]),
            "rss_mib": self.times.peak_mib and round(self.times.peak_mib),
            "limit_ms": _round(sum(cost.limit_ms(self.hardware) for cost in self.costs.values())),
            "against": self.against(),
        }

    def against(self) -> dict[str, dict[str, float | None]]:
        """`PeerTimes` of each pair, for the JSON object; None for peers that were not measured."""
        found: dict[str, dict[str, float | None]] = {}
        for name, times in self.measured().items():
            found[name] = times._asdict()
        for name in self.missing:
            found[name] = {field: None for field in PeerTimes._fields}
        return found

    def measured(self) -> dict[str, PeerTimes]:
        """Medians of each measured pair; ratio = theirs / ours, above 1: this package is faster."""
        found = {}
        for name, sides in self.times.against.items():
            ours, theirs = (statistics.median(side) for side in sides)
            found[name] = PeerTimes(_round(ours), _round(theirs), _round(theirs / ours))
        return found

    def text(self) -> str:
        """The text table: figures, a bar for each part, peers."""
        return "\n".join([*self._heading(), *self._parts(), *self._peers()])

    def title(self) -> str:
        setup = self.setup
        threads, steps = _counted(setup.threads, "thread"), _counted(setup.steps, "step")
        return f"{setup.config}, {self.hardware.name}, {setup.dtype}, {threads}, {steps}"

    def _heading(self) -> list[str]:
        figures, memory = self.figures(), self.times.peak_mib
        lines = [f"{self.title()}; {self.setup.frames} frames of 480p, guidance {GUIDANCE:g}", ""]
        lines.append(f"{'ms per frame':16}{'mean':>8}{'std':>8}{'p50':>8}{'p95':>8}{'p99':>8}")
        for name, key in (("waveform level", "waveform_ms"), ("token level", "token_ms")):
            lines.append(f"{name:16}" + "".join(f"{x:8.1f}" for x in figures[key].values()))
        total = Cost(*map(sum, zip(*self.costs.values(), strict=True)))
        return [
            *lines,
            "",
            f"real-time factor  {figures['real_time_factor']:.2f} (seconds of sound per second)",
            f"peak memory       {'not measured' if memory is None else f'{memory:.0f} MiB'}",
            f"cost per frame    {total.bytes / 1e6:.0f} MB read, {total.flops / 1e9:.1f} GFLOP",
            f"peak performance  {self.hardware.bytes_per_second / 1e9:.1f} GB/s, "
            f"{self.hardware.flops_per_second / 1e9:.0f} GFLOP/s, measured",
            f"lower bound       {figures['limit_ms']:.1f} ms per frame",
            *self._busy(),
            "",
        ]

    def _busy(self) -> list[str]:
        share = self.times.share
        if self.setup.device != "cpu" or share > QUIET:
            return []
        return [
            f"The machine was busy: this process had a core for {100 * share:.0f} % of the time,",
            "so its times are too long. Ratios are more reliable: peers alternate in the same run.",
        ]

    def _parts(self) -> list[str]:
        parts = self.figures()["parts_ms"]
        longest = max(parts.values())
        lines = [f"{'part':16}{'ms':>8}{'bound':>9}"]
        for part, spent in parts.items():
            bar = "#" * max(1, round(WIDTH * spent / longest))
            best = self.costs[part].limit_ms(self.hardware)
            lines.append(f"{part:16}{spent:8.1f}{best:9.1f}  {bar}")
        return [*lines, ""]

    def _peers(self) -> list[str]:
        measured = self.measured()
        if not measured and not self.missing:
            return []
        lines = [f"{'against':{COLUMN}}{'ours':>8}{'theirs':>8}{'theirs/ours':>13}"]
        for name, row in measured.items():
            lines.append(f"{name:{COLUMN}}{row.ours_ms:8.1f}{row.theirs_ms:8.1f}{row.ratio:13.2f}")
        for name, reason in self.missing.items():
            lines.append(f"{name:{COLUMN}}not measured: {reason}")
        theirs = [measured[name].theirs_ms for name in OUTSIDE if name in measured]
        if len(theirs) == len(OUTSIDE):
            ours, summed = self.figures()["waveform_ms"]["p50"], sum(theirs)
            numbers = f"{ours:8.1f}{summed:8.1f}{summed / ours:13.2f}"
            lines.append(f"{'peers, summed':{COLUMN}}{numbers}")
        return lines


def spread(times: list[float]) -> dict[str, float]:
    """Mean, standard deviation and percentiles."""
    points = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else times
    at = [points[min(percent, len(points)) - 1] for percent in (50, 95, 99)]
    middle = {"mean": statistics.mean(times), "std": statistics.pstdev(times)}
    named = middle | dict(zip(("p50", "p95", "p99"), at, strict=True))
    return {name: _round(value) for name, value in named.items()}


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _round(value: float) -> float:
    return float(f"{value:.4g}")
