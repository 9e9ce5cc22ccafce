"""Prepared clips -> a VAE or a checkpoint."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from ..config import changed, from_dict, to_dict
from ..training import stages, vision_stage, whiten
from ..training.cost import costs_of
from ..training.data import one_row
from ..training.shards import check_has

HELP = "train one stage: vae, vision (where DINOv2 is not to be had), diffusion, consistency"
EXAMPLES = """\
examples:
  python -m sr_core train smoke clip.mp4       (all stages on one clip: does this set-up learn?)
  python -m sr_core train vae sound -o runs/vae
  python -m sr_core train vision seen -o runs/vision      (seen: `prepare --keep-frames 112x196`)
  python -m sr_core train whiten sound -o runs/white --init runs/vae/vae.safetensors
  python -m sr_core train diffusion data -o runs/diffusion --set loop.batch=32
  python -m sr_core train consistency data -o runs/tuned --init runs/diffusion/model.safetensors
  python -m sr_core train diffusion data -o runs/own --init micro.safetensors     (fine-tune)
  torchrun --nproc-per-node 8 -m sr_core train diffusion data -o runs/diffusion

The same command again goes on where it was stopped. --dry-run prints every setting and, where the
data is there, parameters, FLOPs a step and about how long it will take: JSON, good for --config.
"""
STAGES = {
    "vae": (stages.VAERun, stages.train_vae),
    "vision": (vision_stage.VisionRun, vision_stage.train_vision),
    "whiten": (whiten.WhitenRun, whiten.train_whiten),
    "diffusion": (stages.DiffusionRun, stages.train_diffusion),
    "consistency": (stages.ConsistencyRun, stages.train_consistency),
}
TASKS = {
    "vae": stages.vae_task,
    "vision": vision_stage.vision_task,
    "diffusion": stages.diffusion_task,
    "consistency": stages.consistency_task,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("stage", choices=[*STAGES, "smoke"])
    parser.add_argument("data", type=Path, help="folder that `prepare` wrote; for smoke a video")
    parser.add_argument("-o", "--output", type=Path, help="folder of this run (smoke: a fresh one)")
    parser.add_argument("--init", type=Path, help="checkpoint (or part) to start from")
    parser.add_argument("--config", type=Path, help="JSON file with settings")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--dry-run", action="store_true", help="print settings and costs, and stop")


def run(options: argparse.Namespace) -> int:
    if options.stage == "smoke":
        from . import smoke  # which runs this very command

        return smoke.run(options)
    if options.output is None:
        raise ValueError("got no folder for this run; expected one; give -o FOLDER")
    kind, train = STAGES[options.stage]
    given = json.loads(options.config.read_text(encoding="utf-8")) if options.config else {}
    given.pop("costs", None)  # which a dry run adds to the settings
    config = changed(from_dict(kind, given), options.set)
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.dry_run:
        print(json.dumps(to_dict(config) | {"costs": _costs(options, config)}, indent=2))
        return 0
    options.output.mkdir(parents=True, exist_ok=True)
    target = train(options.data, options.output, config, options.init, _own(options.device))
    print(target)
    return 0


def _costs(options: argparse.Namespace, config: Any) -> dict[str, Any] | None:
    """What the run will take; None, and why on stderr, where there is nothing to tell it from."""
    try:
        if options.stage not in TASKS:
            raise ValueError(f"{options.stage} takes no steps")
        row, device = one_row(options.data, config.frames), _own(options.device)
        task, _ = TASKS[options.stage](options.data, config, options.init, device)
        check_has(row, task.reads, str(options.data))
        return costs_of(task, config.loop, row, device)
    except ValueError as error:
        print(f"costs are not known: {' '.join(str(error).split())}", file=sys.stderr)
        return None


def _own(device: str) -> str:
    """The device of this process: torchrun starts one for every GPU of a machine."""
    if device != "cuda" or "LOCAL_RANK" not in os.environ:
        return device
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return f"cuda:{os.environ['LOCAL_RANK']}"
