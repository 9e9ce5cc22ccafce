"""Comparison of this DINOv2 with that of `transformers`: same weights, same pixels."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from einops import rearrange
from safetensors.torch import save_file
from torch import Tensor, nn

from ..convert import convert_dinov2
from ..engine.packed_weights import packed
from ..vision.dinov2 import DINOv2, DINOv2Config, load_dinov2
from ..vision.encoder import VisionConfig
from .peer import NotAtHand, Peer, transformers


def dinov2_peer(config: VisionConfig, device: torch.device) -> Peer:
    """One normalised frame -> patch tokens; both use scaled dot product attention.

    Raises NotAtHand if the model has no DINOv2 backbone, or `transformers` is missing.
    """
    backbone = config.backbone
    if not isinstance(backbone, DINOv2Config):
        raise NotAtHand("this model has no DINOv2")
    theirs, ours_at_any_size = _both(backbone)
    theirs = theirs.to(device)
    ours = packed(ours_at_any_size.to(device).at(config.grid))
    pixels = torch.randn(1, 1, 3, config.height, config.width, device=device)
    skipped = 1 + backbone.registers

    def their_tokens() -> Tensor:  # -> (b n d)
        return theirs(rearrange(pixels, "b t c h w -> (b t) c h w")).last_hidden_state[:, skipped:]

    return Peer(lambda: ours(pixels)[:, 0], their_tokens)


def _both(config: DINOv2Config) -> tuple[nn.Module, DINOv2]:
    """The model of `transformers` with random weights, and ours with the same ones."""
    module = transformers()
    described = module.Dinov2WithRegistersConfig(
        hidden_size=config.width,
        num_hidden_layers=config.depth,
        num_attention_heads=config.heads,
        num_register_tokens=config.registers,
        mlp_ratio=config.mlp_ratio,
        image_size=config.position_grid * config.patch,
        patch_size=config.patch,
        attn_implementation="sdpa",
    )
    theirs = module.Dinov2WithRegistersModel(described).eval().requires_grad_(False)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "model.safetensors"
        save_file({name: x.contiguous() for name, x in theirs.state_dict().items()}, source)
        theirs.config.save_pretrained(folder)  # contains the number of heads
        return theirs, load_dinov2(convert_dinov2(source, Path(folder) / "ours.safetensors"))
