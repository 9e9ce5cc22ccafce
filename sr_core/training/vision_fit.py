"""Fitting the PCA of a vision encoder to videos."""

from __future__ import annotations

from pathlib import Path

import torch
from einops import rearrange

from ..io.video import open_video
from ..vision.dinov2 import load_dinov2
from ..vision.encoder import VisionConfig, VisionEncoder
from ..vision.patches import PatchesConfig
from ..vision.pca import StreamingPCA

PATCHES = 1_000_000  # tokens that the axes are fitted to
VIDEOS = 100  # that they are taken from
PIECE = 4


def vision_config(
    dinov2: Path | None, patches: str | None, frame: str, channels: int
) -> VisionConfig:
    """The encoder that command-line words ask for; ValueError where they cannot be read."""
    try:
        if patches:
            side, height, width = (int(part) for part in patches.split("x"))
            backbone = PatchesConfig(side)
        else:
            height, width = (int(part) for part in frame.split("x"))
            backbone = load_dinov2(dinov2).config
    except ValueError as error:
        raise ValueError(
            f"got --patches {patches} --frame {frame} ({error}); expected SIDExHEIGHTxWIDTH and "
            "HEIGHTxWIDTH in pixels"
        ) from error
    return VisionConfig(backbone, height, width, channels)


@torch.inference_mode()
def fit_vision(videos: list[Path], config: VisionConfig, dinov2: Path | None) -> VisionEncoder:
    """An encoder whose PCA is fitted to frames of all videos; those that cannot be read are not."""
    encoder = VisionEncoder(config).eval().requires_grad_(False)
    if dinov2 is not None:
        encoder.backbone = load_dinov2(dinov2)
    rows, columns = config.grid
    videos = videos[:: -(-len(videos) // VIDEOS)]
    share = max(1, PATCHES // (rows * columns) // max(1, len(videos)))  # frames of each video
    bare = VisionConfig(config.backbone, config.height, config.width, config.backbone.width)
    whole = VisionEncoder(bare).eval()  # its PCA is the identity: it gives the tokens themselves
    whole.backbone = encoder.backbone
    pca = StreamingPCA(config.backbone.width)
    for video in videos:
        try:
            _add(video, whole, pca, share)
        except ValueError:
            continue  # `make_shard` will name it
    mean, basis, _ = pca.result(config.channels)
    encoder.pca_mean.copy_(mean)
    encoder.pca_basis.copy_(basis)
    return encoder


def _add(video: Path, whole: VisionEncoder, pca: StreamingPCA, share: int) -> None:
    """Every n-th piece of a video, so that `share` frames come from all of its length."""
    frames = open_video(video)
    every = max(1, frames.count // share)
    for number, piece in enumerate(frames.pieces(PIECE)):
        if number % every == 0:
            pca.update(rearrange(whole(piece[None]), "b t n d -> (b t n) d"))
