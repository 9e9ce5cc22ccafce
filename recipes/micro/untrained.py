"""Write the bundled checkpoint with random weights: the right shape of file, not yet a sound.

python -m recipes.micro.untrained sr_core/assets/micro.safetensors
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from sr_core.audio.vae import OobleckConfig
from sr_core.checkpoint import save_pipeline
from sr_core.model.aggregator import AggregatorConfig
from sr_core.model.head import HeadConfig
from sr_core.model.soundreactor import SoundReactorConfig
from sr_core.model.transformer import TransformerConfig
from sr_core.sampling.pipeline import Pipeline, PipelineConfig
from sr_core.vision.dinov2 import DINOv2Config
from sr_core.vision.encoder import VisionConfig

# Random weights deserve few bytes; real time on two CPU cores with room to spare.
CONFIG = PipelineConfig(
    vision=VisionConfig(
        backbone=DINOv2Config(width=96, depth=2, heads=3, position_grid=8),
        height=112,
        width=196,
        channels=24,
    ),
    model=SoundReactorConfig(
        aggregator=AggregatorConfig(width=128, depth=1, heads=4),
        transformer=TransformerConfig(width=128, depth=4, heads=4, hidden=352, qk_norm=True),
        head=HeadConfig(width=128, depth=3),
    ),
    audio=OobleckConfig(latent_channels=32, channels=8),
)


def main(target: str) -> None:
    torch.manual_seed(0)
    origin = {"name": "micro", "stage": "untrained", "data": "none", "steps": 0}
    pipeline = Pipeline(CONFIG, origin)
    with torch.no_grad():  # nobody should be startled by what random weights make
        pipeline.vae.decoder[-1].weight.mul_(0.05)
    save_pipeline(pipeline, Path(target), torch.float16)


if __name__ == "__main__":
    main(*sys.argv[1:])
