"""Turn a run's checkpoint into the file that is shipped: half precision, and who it is.

python -m recipes.freedoom.pack runs/last/model.safetensors sr_core/assets/micro.safetensors

--steps, --guidance and --method set the sampling settings that the file recommends; without them
those of the source stay.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from sr_core.checkpoint import load_pipeline, save_pipeline
from sr_core.sampling.recommended import chosen
from sr_core.sampling.settings import METHODS

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
    parser.add_argument("--steps", type=int, help="recommended number of sampling steps")
    parser.add_argument("--guidance", type=float, help="recommended guidance scale")
    parser.add_argument("--method", choices=METHODS, help="recommended sampling method")
    options = parser.parse_args(argv)
    pipeline = load_pipeline(options.source)
    given = options.steps, options.guidance, options.method
    pipeline.recommended = chosen(pipeline.recommended, *given)
    pipeline.origin = pipeline.origin | ABOUT
    save_pipeline(pipeline, options.target, torch.float16)


if __name__ == "__main__":
    main()
