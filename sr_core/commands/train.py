"""The verb `train`: prepared clips -> a VAE or a checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import checkpoint, video

HELP = "train one stage: vae, whiten, diffusion, self-forcing, consistency, distill"
EXAMPLES = """\
examples:
  python -m sr_core train vae sound -o runs/vae
  python -m sr_core train whiten sound -o runs/white --init runs/vae/vae.safetensors
  python -m sr_core train diffusion data -o runs/diffusion --set loop.batch=32
  python -m sr_core train self-forcing data -o runs/own --init runs/diffusion/model.safetensors
  python -m sr_core train consistency data -o runs/tuned --init runs/diffusion/model.safetensors
  python -m sr_core train consistency data -o runs/head --init runs/diffusion/model.safetensors \\
      --set task.head_only=true
  python -m sr_core train distill data -o runs/one-step --init runs/diffusion/model.safetensors
  python -m sr_core train diffusion data -o runs/more --init micro.safetensors    (fine-tune)
  torchrun --nproc-per-node 8 -m sr_core train diffusion data -o runs/diffusion

With head_only, and in distill, the head alone is trained, on conditions that are computed once into
OUTPUT/conditions.

After a stop, the same command continues. --dry-run prints all settings and, if the data exists,
parameters, FLOPs per step and the estimated time, as JSON that --config accepts.
"""
INIT = "checkpoint (or part) to start from: a path, or hf://OWNER/REPO[/FILE][@REVISION]"
STAGES = ("vae", "whiten", "diffusion", "self-forcing", "consistency", "distill")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("data", type=video, help="folder that `prepare` wrote")
    parser.add_argument("-o", "--output", type=Path, help="output folder of this run")
    parser.add_argument("--init", type=checkpoint, help=INIT)
    parser.add_argument("--config", type=Path, help="JSON file with settings")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="change one setting"
    )
    parser.add_argument("--device", help="cuda, mps, cpu (default: cuda if there is one, else cpu)")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--dry-run", action="store_true", help="print settings and costs only")


def run(options: argparse.Namespace) -> int:
    from .work.train import train

    return train(options)
