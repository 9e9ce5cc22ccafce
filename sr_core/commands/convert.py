"""Foreign weights -> a file of ours."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "convert public weights (the official SoundReactor VAE, DINOv2 with registers) to our files"
EXAMPLES = """\
examples:
  python -m sr_core convert vae sr_causal_ds_1600_dim_64.ckpt vae.safetensors
  python -m sr_core convert dinov2 dinov2_vits14_reg4_pretrain.pth dinov2.safetensors

where to get them:
  vae     linked from github.com/SonyResearch/soundreactor_vae (MIT)
  dinov2  github.com/facebookresearch/dinov2, or model.safetensors of
          huggingface.co/facebook/dinov2-with-registers-small (Apache-2.0)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=("vae", "dinov2"))
    parser.add_argument("source", type=Path, help="the original weights")
    parser.add_argument("target", type=Path, help="the .safetensors to write")


def run(options: argparse.Namespace) -> int:
    # Imported here: opening pickles is nothing the other verbs should be able to do.
    from ..checkpoint import sha256
    from ..convert import convert_dinov2, convert_vae
    from .targets import check_overwritten

    check_overwritten([options.source], [options.target])
    converters = {"vae": convert_vae, "dinov2": convert_dinov2}
    target = converters[options.kind](options.source, options.target)
    print(f"sha256 {sha256(target)}")
    print(target)
    return 0
