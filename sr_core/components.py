"""Load and save a vision encoder or a VAE as a separate file; also load it from a checkpoint."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file
from torch import nn

from .audio.vae import AudioVAE, load_vae
from .checkpoint import is_checkpoint, load_pipeline, read_header, write_weights
from .config import from_dict, to_dict
from .pipeline import PipelineConfig
from .vision.encoder import VisionConfig, VisionEncoder

Part = TypeVar("Part", bound=nn.Module)

VISION_FORMAT, VAE_FORMAT = "soundreactor-vision-1", "soundreactor-vae-1"


def save_part(part: VisionEncoder | AudioVAE, path: str | os.PathLike) -> Path:
    """Write a part with its configuration; the file is never incomplete."""
    kind = VISION_FORMAT if isinstance(part, VisionEncoder) else VAE_FORMAT
    # A single key, so that equal weights give equal bytes, which a sha256 can identify.
    described = {kind: json.dumps(to_dict(part.config))}
    return write_weights(part.state_dict(), Path(path), described)


def load_vision(path: str | os.PathLike) -> VisionEncoder:
    """Load the vision encoder of a part file or of a checkpoint, frozen, in float32."""
    metadata = read_header(path).metadata
    if is_checkpoint(metadata):
        return load_pipeline(path).vision
    if VISION_FORMAT not in metadata:
        raise ValueError(
            f"got {path}, which holds no vision encoder; expected one with its PCA, or a "
            "checkpoint; make one from converted weights with `python -m sr_core prepare --dinov2` "
            "or `--efficientnet`"
        )
    config = from_dict(VisionConfig, json.loads(metadata[VISION_FORMAT]))
    with torch.device("meta"):
        vision = VisionEncoder(config)
    return _with_weights(vision, path)


def load_any_vae(path: str | os.PathLike) -> AudioVAE:
    """Load the VAE of a part file, a converted official file or a checkpoint, frozen."""
    metadata = read_header(path).metadata
    if is_checkpoint(metadata):
        return load_pipeline(path).vae
    if VAE_FORMAT not in metadata:
        return load_vae(path)
    audio = from_dict(PipelineConfig, {"audio": json.loads(metadata[VAE_FORMAT])}).audio
    with torch.device("meta"):
        vae = AudioVAE(audio)
    return _with_weights(vae, path)


def _with_weights(part: Part, path: str | os.PathLike) -> Part:
    try:
        part.load_state_dict(load_file(Path(path)), assign=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"got {path} with other weights than its config says: {reason}") from error
    return part.float().eval().requires_grad_(False)
