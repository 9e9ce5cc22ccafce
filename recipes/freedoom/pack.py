"""Turn a run's checkpoint into the file that is shipped: half precision, and who it is.

python -m recipes.freedoom.pack runs/last/model.safetensors sr_core/assets/micro.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from sr_core.checkpoint import load_pipeline, save_pipeline

ABOUT = {
    "name": "micro",
    "data": "10 hours of Freedoom gameplay, see recipes/freedoom",
    "knows": "games like Doom: shots, explosions, doors, monsters",
    "licence": "Apache-2.0; sounds learned from Freedoom (BSD)",
}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Pack a checkpoint for shipping.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args(argv)
    pipeline = load_pipeline(options.source)
    pipeline.origin = pipeline.origin | ABOUT
    save_pipeline(pipeline, options.target, torch.float16)


if __name__ == "__main__":
    main()
