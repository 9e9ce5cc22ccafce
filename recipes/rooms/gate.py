"""The gate: whether probes on frozen features find the onsets of real clips in their picture.

    python -m recipes.rooms.gate PROBES CLIPS... --data CACHE --steps 600 --validation OTHERS...
    python -m recipes.rooms.gate PROBES CLIPS...

CACHE is a folder of `probe_features.py`; probes that PROBES lacks are trained on it. The clips
are for evaluation only. Exit status 0: passed, 1: not passed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))  # the package's folder

from recipes.rooms.probe import Probe, load_probe, save_probe  # noqa: E402
from recipes.rooms.probe_features import Look, encode, onsets_of  # noqa: E402
from recipes.rooms.probe_training import train  # noqa: E402
from recipes.rooms.probe_validation import Recording, auc, read_recording  # noqa: E402
from sr_core.components import load_vision  # noqa: E402
from sr_core.evaluation.metrics.events import read_events  # noqa: E402
from sr_core.evaluation.metrics.motion_stops import motion_energy, motion_stops  # noqa: E402
from sr_core.evaluation.metrics.sync import COLUMNS, score_shots  # noqa: E402
from sr_core.evaluation.protocol.clips import read_sound  # noqa: E402
from sr_core.evaluation.protocol.intervals import ratio_interval  # noqa: E402
from sr_core.io.read.source import videos_in  # noqa: E402
from sr_core.io.read.video import open_video  # noqa: E402
from sr_core.vision.encoder import VisionEncoder  # noqa: E402

PASSED_AUC = 0.65
SHARE = 0.9  # of the intervals


@dataclass(frozen=True)
class ClipResult:
    """AUCs of a clip: of each seed's probe, of the baseline, and at logged shots (may be empty)."""

    name: str
    onsets: int
    probes: tuple[float, ...]
    stops: float
    shots: tuple[float, ...]  # one per seed
    stops_at_shots: float | None

    @property
    def probe(self) -> float:
        return sum(self.probes) / len(self.probes)

    @property
    def difference(self) -> float:
        return self.probe - self.stops


def shot_auc(scores: Tensor, shots: Sequence[float]) -> float | None:  # (t) at 30 Hz
    """AUC of the score at isolated shots against frames without one; None without shots."""
    wins = score_shots(scores.repeat_interleave(COLUMNS), list(shots)).wins
    return sum(wins) / len(wins) if wins else None


def judge(path: Path, encoder: VisionEncoder, probes: Sequence[Probe]) -> ClipResult | str:
    """The result of a clip, or the reason why it has none."""
    try:
        frames = open_video(path)
        onsets = onsets_of(read_sound(frames))
        log = read_events(path)
    except ValueError as error:
        return str(error)
    grid = encode(frames, encoder, Look())
    scores = [probe.scores(grid) for probe in probes]
    stops = motion_stops(motion_energy(frames))
    aucs = [auc(each, onsets) for each in scores]
    baseline = auc(stops, onsets)
    if baseline is None or None in aucs:
        return f"{len(onsets)} onsets in {float(frames.duration):.1f} s: too few"
    shots = [shot_auc(each, log.shots) for each in scores] if log else []
    known = tuple(value for value in shots if value is not None)
    at_shots = shot_auc(stops, log.shots) if log else None
    return ClipResult(path.stem, len(onsets), tuple(aucs), baseline, known, at_shots)


def mean_interval(values: Sequence[float]) -> tuple[float, tuple[float, float] | None]:
    """Mean over clips and its bootstrap interval, each clip with one weight."""
    return sum(values) / len(values), ratio_interval(values, [1.0] * len(values), SHARE)


def in_words(values: Sequence[float]) -> str:
    mean, interval = mean_interval(values)
    return f"{mean:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def passed(results: Sequence[ClipResult]) -> bool:
    """Mean AUC of 0.65 or more, and above the baseline at the lower end of the 90 % interval."""
    interval = mean_interval([each.difference for each in results])[1]
    mean = mean_interval([each.probe for each in results])[0]
    return mean >= PASSED_AUC and interval is not None and interval[0] > 0


def table(results: Sequence[ClipResult]) -> str:
    """Clips with their AUCs, then means over clips with intervals of 90 %."""
    lines = [f"{'clip':32}{'onsets':>8}{'probe':>8}{'stops':>8}{'differ':>8}  seeds"]
    for each in results:
        numbers = f"{each.probe:8.3f}{each.stops:8.3f}{each.difference:8.3f}"
        seeds = " ".join(f"{value:.3f}" for value in each.probes)
        lines.append(f"{each.name[:31]:32}{each.onsets:8}{numbers}  {seeds}")
    count = len(results[0].probes)
    means = [mean_interval([each.probes[n] for each in results])[0] for n in range(count)]
    lines += [
        f"shifted-onset AUC of the probe  {in_words([each.probe for each in results])}",
        f"  per seed                      {' '.join(f'{mean:.3f}' for mean in means)}",
        f"shifted-onset AUC, motion stops {in_words([each.stops for each in results])}",
        f"paired difference               {in_words([each.difference for each in results])}",
    ]
    shots = [each for each in results if each.shots and each.stops_at_shots is not None]
    if shots:
        own = [sum(each.shots) / len(each.shots) for each in shots]
        stops = [each.stops_at_shots or 0.0 for each in shots]
        lines += [
            f"AUC at shots, of the probe      {in_words(own)} ({len(shots)} clips)",
            f"AUC at shots, motion stops      {in_words(stops)}",
        ]
    return "\n".join(lines)


def ready_probes(options: argparse.Namespace) -> tuple[VisionEncoder, list[Probe]]:
    """Load the encoder and the probes of a folder; missing probes are trained on the cache."""
    folder, cache = options.probes, options.data
    folder.mkdir(parents=True, exist_ok=True)
    vision = folder / "vision.safetensors"
    paths = [folder / f"probe-{seed}.safetensors" for seed in options.seeds]
    missing = [path for path in (vision, *paths) if not path.exists()]
    if missing and cache is None:
        raise ValueError(f"got {folder} without {missing[0].name}; expected --data to make it")
    if vision in missing:
        shutil.copyfile(cache / vision.name, vision)
    encoder, recordings = load_vision(vision), list[Recording]()
    if missing:
        recordings = [read_recording(path, encoder) for path in _videos(options.validation)]
    for seed, path in zip(options.seeds, paths, strict=True):
        if path in missing:
            save_probe(train(cache, seed, options.steps, recordings), path)
    return encoder, [load_probe(path) for path in paths]


def _videos(places: Sequence[Path]) -> list[Path]:
    return [video for place in places for video in videos_in(place, deep=True)]


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("probes", type=Path, help="folder of the probes and their encoder")
    parser.add_argument("clips", nargs="+", type=Path, help="videos with real sound, or folders")
    parser.add_argument("--data", type=Path, help="cache to train missing probes on")
    parser.add_argument("--steps", type=int, default=600, help="of training (600)")
    best = "clips with sound; a new probe is that of the tenth of its steps that knows most of them"
    parser.add_argument("--validation", nargs="+", type=Path, default=[], help=best)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", type=Path, help="also write the results of the clips here")
    options = parser.parse_args(words)
    encoder, probes = ready_probes(options)
    results = []
    for path in _videos(options.clips):
        found = judge(path, encoder, probes)
        if isinstance(found, ClipResult):
            results.append(found)
        else:
            print(f"left out {path.name}: {found}", file=sys.stderr)
    if not results:
        raise ValueError("got no clip with two onsets; expected some")
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps([vars(each) for each in results]), encoding="utf-8")
    print("gate: passed" if passed(results) else "gate: NOT passed")
    return 0 if passed(results) else 1


if __name__ == "__main__":
    torch.set_num_threads(1)
    raise SystemExit(main())
