"""Fits the PCA of a vision encoder to videos."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor
from tqdm import tqdm

from ...io.read.video import open_video
from ...vision.dinov2 import load_dinov2
from ...vision.efficientnet import load_efficientnet
from ...vision.encoder import Backbone, VisionConfig, VisionEncoder
from ...vision.patches import Patches, PatchesConfig
from ...vision.pca import StreamingPCA

PATCHES = 1_000_000  # number of tokens to which the PCA is fitted, approximately
VIDEOS = 100  # number of videos from which these are taken, at most
PIECE = 4  # number of frames encoded per call


def read_backbone(
    dinov2: Path | None, efficientnet: Path | None, patches: str | None
) -> tuple[Backbone, str]:
    """The backbone of the one option that is given, and its usual HEIGHTxWIDTH."""
    if patches:
        if not re.fullmatch(r"\d+x\d+x\d+", patches):
            raise ValueError(f"got --patches {patches}; expected SIDExHEIGHTxWIDTH in pixels")
        side, frame = patches.split("x", 1)
        return Patches(PatchesConfig(int(side))), frame
    if efficientnet is not None:
        return load_efficientnet(efficientnet), "112x144"
    if dinov2 is not None:
        return load_dinov2(dinov2), "224x392"
    raise ValueError("got no backbone; expected --dinov2, --efficientnet or --patches")


def vision_config(backbone: Backbone, frame: str, channels: int) -> VisionConfig:
    """The encoder's configuration; ValueError if `frame` is not HEIGHTxWIDTH."""
    if not re.fullmatch(r"\d+x\d+", frame):
        raise ValueError(f"got --frame {frame}; expected HEIGHTxWIDTH in pixels")
    height, width = (int(side) for side in frame.split("x"))
    return VisionConfig(backbone.config, height, width, channels)


@torch.inference_mode()
def fit_vision(
    videos: list[Path], config: VisionConfig, backbone: Backbone, device: str = "cpu"
) -> VisionEncoder:
    """An encoder whose PCA is fitted to frames of up to 100 videos; unreadable ones are skipped."""
    encoder = VisionEncoder(config).eval().requires_grad_(False)
    encoder.backbone = backbone
    rows, columns = config.grid
    videos = videos[:: -(-len(videos) // VIDEOS)]
    share = max(1, PATCHES // (rows * columns) // max(1, len(videos)))  # frames of each video
    shown = tqdm(videos, "fitting the PCA", unit="video", file=sys.stderr)
    encoder.to(device)
    pieces = (piece[None].to(device) for video in shown for piece in _pieces(video, share))
    kept, width = fit_pca(encoder, pieces), config.backbone.width
    print(
        f"the PCA keeps {kept:.1%} of the variance in {config.channels} of {width} channels; "
        "--channels changes how many",
        file=sys.stderr,
    )
    return encoder.cpu()


@torch.inference_mode()
def fit_pca(encoder: VisionEncoder, pieces: Iterable[Tensor]) -> float:  # each (b t 3 h w)
    """Fits the PCA of an encoder to its backbone's tokens, in place; the share of variance kept."""
    config = replace(encoder.config, channels=encoder.config.backbone.width)
    whole = VisionEncoder(config).to(encoder.pca_mean.device).eval()
    whole.backbone = encoder.backbone  # with an identity PCA, so that it returns the tokens
    pca = StreamingPCA(config.channels)
    for piece in pieces:
        pca.update(rearrange(whole(piece), "b t n d -> (b t n) d"))
    mean, basis, explained = pca.result(encoder.config.channels)
    encoder.pca_mean.copy_(mean)
    encoder.pca_basis.copy_(basis)
    return float(explained.sum())


def _pieces(video: Path, share: int) -> Iterator[Tensor]:  # each (t 3 h w)
    """Every n-th piece of a video, so that about `share` frames cover its whole length."""
    try:
        frames = open_video(video)
        every = max(1, frames.count // share)
        for number, piece in enumerate(frames.pieces(frames.fitting(PIECE))):
            if number % every == 0:
                yield piece
    except ValueError:
        return  # `make_shard` reports it
