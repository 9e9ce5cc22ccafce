"""Turn a run's checkpoint into the file that is shipped: half precision, and who it is.

python -m recipes.freedoom.pack runs/tuned/model.safetensors sr_core/assets/micro.safetensors
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from sr_core.checkpoint import load_pipeline, save_pipeline

ABOUT = {
    "name": "micro",
    "data": "2.7 hours of Freedoom gameplay, see recipes/freedoom",
    "knows": "games like Doom: shots, explosions, doors, monsters",
    "licence": "Apache-2.0; sounds learned from Freedoom (BSD)",
}


def main(source: str, target: str) -> None:
    pipeline = load_pipeline(source)
    pipeline.origin = pipeline.origin | ABOUT
    save_pipeline(pipeline, Path(target), torch.float16)


if __name__ == "__main__":
    main(*sys.argv[1:])
