"""Turn a run's checkpoint into the file that is shipped: half precision, and who it is.

python -m recipes.freedoom.pack runs/more/model.safetensors sr_core/assets/micro.safetensors \
    --average runs/diffusion/model.safetensors --vae runs/noise/vae.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from sr_core.audio.vae import AudioVAE
from sr_core.checkpoint import load_pipeline, save_pipeline
from sr_core.model.soundreactor import SoundReactor
from sr_core.parts import load_any_vae
from sr_core.sampling.pipeline import Pipeline

ABOUT = {
    "name": "micro",
    "data": "4 hours of Freedoom gameplay, see recipes/freedoom",
    "knows": "games like Doom: shots, explosions, doors, monsters",
    "licence": "Apache-2.0; sounds learned from Freedoom (BSD)",
}
SAME = 2e-3  # relative: what half precision and a running average leave of equal weights


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Pack a checkpoint for shipping.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--average", type=Path, help="what it was trained on from: meet half way")
    parser.add_argument("--vae", type=Path, help="whose decoder learned on while the model did")
    options = parser.parse_args(argv)
    pipeline = load_pipeline(options.source)
    if options.average:
        average(pipeline.model, load_pipeline(options.average).model)
    if options.vae:
        take_decoder(pipeline, load_any_vae(options.vae))
    pipeline.origin = pipeline.origin | ABOUT
    save_pipeline(pipeline, options.target, torch.float16)


def average(model: SoundReactor, before: SoundReactor) -> None:
    """The middle between weights and those that training went on from (WiSE-FT, arXiv 2109.01903).

    It keeps what either does well: guided, the last weights alone overdo what they learned last.
    ValueError where they are models of different sizes.
    """
    earlier = before.state_dict()
    for name, weight in model.state_dict().items():
        if name not in earlier or earlier[name].shape != weight.shape:
            raise ValueError(
                f"got two models that differ in {name}; expected one and what it was trained from"
            )
        weight.copy_(weight.lerp(earlier[name].to(weight), 0.5))


def take_decoder(pipeline: Pipeline, vae: AudioVAE) -> None:
    """Put the VAE's decoder in the pipeline; ValueError where their latents are not the same."""
    theirs = vae.encoder.state_dict()
    for name, ours in pipeline.vae.encoder.state_dict().items():
        if not (theirs[name] - ours).abs().max() <= SAME * ours.abs().max():
            raise ValueError(
                f"got a VAE whose encoder differs in {name}; expected the one that the model was "
                "trained with, frozen; train its decoder with task.encoder_until=0"
            )
    pipeline.vae.decoder.load_state_dict(vae.decoder.state_dict())


if __name__ == "__main__":
    main()
