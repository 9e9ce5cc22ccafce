"""Turn a run's checkpoint into the file that is shipped: half precision, and who it is.

python -m recipes.freedoom.pack runs/last/model.safetensors sr_core/assets/micro.safetensors \
    --vae runs/noise/vae.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from sr_core.audio.vae import AudioVAE
from sr_core.checkpoint import load_pipeline, save_pipeline
from sr_core.parts import load_any_vae
from sr_core.sampling.pipeline import Pipeline
from sr_core.training.same_parts import differing

ABOUT = {
    "name": "micro",
    "data": "6 hours of Freedoom gameplay, see recipes/freedoom",
    "knows": "games like Doom: shots, explosions, doors, monsters",
    "licence": "Apache-2.0; sounds learned from Freedoom (BSD)",
}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Pack a checkpoint for shipping.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--vae", type=Path, help="whose decoder learned on while the model did")
    options = parser.parse_args(argv)
    pipeline = load_pipeline(options.source)
    if options.vae:
        take_decoder(pipeline, load_any_vae(options.vae))
    pipeline.origin = pipeline.origin | ABOUT
    save_pipeline(pipeline, options.target, torch.float16)


def take_decoder(pipeline: Pipeline, vae: AudioVAE) -> None:
    """Put the VAE's decoder in the pipeline; ValueError where their latents are not the same."""
    names = differing(pipeline.vae.encoder, vae.encoder)
    if names:
        raise ValueError(
            f"got a VAE whose encoder differs in {names[0]}; expected the one that the model was "
            "trained with, frozen; train its decoder with task.encoder_until=0"
        )
    pipeline.vae.decoder.load_state_dict(vae.decoder.state_dict())


if __name__ == "__main__":
    main()
