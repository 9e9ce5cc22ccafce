"""Copies of a pipeline's modules that are optimised for inference, one frame at a time."""

from __future__ import annotations

from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from torch import nn

from ..audio.vae import AudioVAE
from ..vision.dinov2 import DINOv2
from ..vision.encoder import VisionEncoder
from .packed_weights import packed, packed_members, with_members

Part = TypeVar("Part", bound=nn.Module)

_PREPARED: WeakKeyDictionary[nn.Module, tuple[Any, nn.Module]] = WeakKeyDictionary()


def inference_copy(part: Part) -> Part:
    """A copy with layers that are fast for few tokens; of a VAE only the decoder is replaced.

    The copy is cached and shared; it is rebuilt after the weights change.
    """
    weights = _fingerprint(part)
    cached = _PREPARED.get(part)
    if cached is not None and cached[0] == weights and isinstance(cached[1], type(part)):
        return cached[1]
    made = _ready(part)
    _PREPARED[part] = weights, made
    return made


def _ready(part: Part) -> Part:
    if isinstance(part, AudioVAE):
        return with_members(part, {"decoder": packed(part.decoder)})
    if isinstance(part, VisionEncoder) and isinstance(part.backbone, DINOv2):
        part = with_members(part, {"backbone": part.backbone.at(part.config.grid)})
    return packed_members(part)


def _fingerprint(module: nn.Module) -> list[tuple]:
    return [
        (p.data_ptr(), p.dtype, p.device, None if p.is_inference() else p._version)
        for p in module.state_dict(keep_vars=True).values()
    ]
