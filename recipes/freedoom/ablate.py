"""What each choice of the paper is worth at this scale: one thing changed at a time.

python -m recipes.freedoom.ablate data clips/val -o runs/ablations --threads 1
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import torch

from sr_core.checkpoint import load_pipeline, save_pipeline, sha256
from sr_core.cli import main as command
from sr_core.config import changed, from_dict
from sr_core.evaluation.protocol.evaluate import evaluate, name_of
from sr_core.evaluation.protocol.summary import LINES
from sr_core.io.read.source import videos_in
from sr_core.sampling.settings import Settings
from sr_core.training.initial import new_pipeline
from sr_core.training.stages import DiffusionRun

HERE = Path(__file__).parent
HIDDEN = 1e30  # not infinity, of which a running average is not a number
FIGURES = (
    "shot_auc",
    "shot_peak_share",
    "onset_f1",
    "onsets_per_s",
    "envelope_r",
    "mel_db",
    "mel_spread_ratio",
    "frechet",
)


@dataclass(frozen=True)
class Variant:
    """`sees` is the number of PCA channels that the model is shown; they are in order of weight."""

    name: str
    changes: tuple[str, ...] = ()
    sees: int | None = None
    differences: bool = True

    @property
    def folder(self) -> str:
        return self.name.replace(" ", "-").replace(",", "")


DIFFUSION = (
    Variant("as it is"),
    Variant("no temporal difference", differences=False),
    Variant("head half as wide", ("model.head.width=192",)),
    Variant("PCA of 12", sees=12),
)
CONSISTENCY = (
    Variant("tuned, dropout 0", ("task.dropout=0.0", "task.head_only=false")),
    Variant("tuned, dropout 0.1", ("task.dropout=0.1", "task.head_only=false")),
    Variant("tuned, dropout 0.2", ("task.dropout=0.2", "task.head_only=false")),
    Variant("tuned, head only", ("task.dropout=0.2", "task.head_only=true")),
)


def main(argv: list[str] | None = None) -> None:
    options = arguments(argv)
    if options.threads:
        torch.set_num_threads(options.threads)
    clips = [clip for place in options.clips for clip in videos_in(place)][: options.count]
    columns = {}
    for variant in DIFFUSION:
        model = diffusion(variant, options)
        columns[variant.name] = figures(model, clips, options.seed)
    for variant in CONSISTENCY:
        model = consistency(variant, options)
        columns[variant.name] = figures(model, clips, options.seed)
    print(table(columns))


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Train one variant after the other from shared caches and compare them.",
        epilog="The same command goes on where it was stopped.",
    )
    add = parser.add_argument
    add("data", type=Path, help="folder that `prepare` wrote")
    add("clips", type=Path, nargs="+", help="clips to compare on, with their logs")
    add("-o", "--output", type=Path, required=True)
    add("--steps", type=int, default=300, help="of the diffusion stage")
    add("--tuning", type=int, default=150, help="steps of the consistency stage")
    add("--batch", type=int, default=4)
    add("--count", type=int, default=16, help="clips at most")
    add("--seed", type=int, default=1)
    add("--threads", type=int)
    return parser.parse_args(argv)


def diffusion(variant: Variant, options: argparse.Namespace) -> Path:
    """Trained from fresh weights that see what the variant says."""
    folder = options.output / variant.folder
    changes = (f"loop.steps={options.steps}", f"loop.batch={options.batch}", *variant.changes)
    fresh = folder / "fresh.safetensors"
    if not fresh.exists():
        given = json.loads((HERE / "diffusion.json").read_text(encoding="utf-8"))
        run = changed(from_dict(DiffusionRun, given), changes)
        pipeline = new_pipeline(options.data, run.model, run.frames, run.loop.seed)
        blind(pipeline.model.grid_scale, variant)
        folder.mkdir(parents=True, exist_ok=True)
        save_pipeline(pipeline, fresh)
    return trained("diffusion", folder, fresh, changes, options)


def blind(scale: torch.Tensor, variant: Variant) -> None:  # (2d), grid beside difference
    """What is divided by next to infinity is 0 to the model: it cannot see it."""
    own = len(scale) // 2
    if variant.sees is not None:
        scale[variant.sees : own] = scale[own + variant.sees :] = HIDDEN
    if not variant.differences:
        scale[own:] = HIDDEN


def consistency(variant: Variant, options: argparse.Namespace) -> Path:
    """Tuned from the diffusion stage as it is."""
    start = options.output / DIFFUSION[0].folder / "diffusion" / "model.safetensors"
    steps = options.tuning
    changes = (f"loop.steps={steps}", f"loop.batch={options.batch}")
    folder = options.output / variant.folder
    return trained("consistency", folder, start, (*changes, *variant.changes), options)


def trained(
    stage: str, folder: Path, init: Path, changes: tuple[str, ...], options: argparse.Namespace
) -> Path:
    sets = [word for change in changes for word in ("--set", change)]
    config = str(HERE / f"{stage}.json")
    words = ["train", stage, str(options.data), "-o", str(folder / stage), "--init", str(init)]
    threads = ["--threads", str(options.threads)] if options.threads else []
    if command([*words, "--config", config, *sets, *threads]):
        raise SystemExit(f"{folder.name}: {stage} failed; see above")
    return folder / stage / "model.safetensors"


def figures(model: Path, clips: list[Path], seed: int) -> dict[str, float]:
    """Of one evaluation of the head a frame; kept beside the model, for the same question."""
    kept = model.with_name("figures.json")
    asked = {"model": sha256(model), "clips": [str(clip) for clip in clips], "seed": seed}
    found = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    if found.get("asked") != asked:
        settings = Settings(steps=1)
        result = evaluate(load_pipeline(model, dtype=torch.float32), clips, [settings], (seed,))
        sounds = result["groups"]["all"]["sounds"]
        found = {"asked": asked, "figures": sounds[name_of(settings)]}
        kept.write_text(json.dumps(found), encoding="utf-8")
    return found["figures"]


def table(columns: dict[str, dict[str, float]]) -> str:
    """Markdown: a variant a line."""
    lines = {line.key: line for line in LINES}
    shown = [lines[key] for key in FIGURES]
    rows = [f"| | {' | '.join(line.words for line in shown)} |", "|---|" + "---:|" * len(shown)]
    for name, values in columns.items():
        cells = (format(values[line.key], line.form) for line in shown)
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
