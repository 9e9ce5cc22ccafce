"""A pipeline made ready for one frame at a time."""

from __future__ import annotations

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from torch import nn

from ..audio.vae import AudioVAE
from ..layers.packed import packed, with_members
from ..model.soundreactor import SoundReactor
from ..vision.dinov2 import DINOv2
from ..vision.encoder import VisionEncoder
from .pipeline import Pipeline


class Prepared(NamedTuple):
    """The three wings, with layers that are quick for a few tokens."""

    vision: VisionEncoder
    model: SoundReactor
    vae: AudioVAE


_PREPARED: WeakKeyDictionary[Pipeline, tuple[Any, Prepared]] = WeakKeyDictionary()


def prepared(pipeline: Pipeline) -> Prepared:
    """What all sessions of one pipeline share; made anew where its weights have changed."""
    weights = _fingerprint(pipeline)
    if pipeline not in _PREPARED or _PREPARED[pipeline][0] != weights:
        vae = with_members(pipeline.vae, {"decoder": packed(pipeline.vae.decoder)})
        ready = Prepared(packed(_one_size(pipeline.vision)), packed(pipeline.model), vae)
        _PREPARED[pipeline] = weights, ready
    return _PREPARED[pipeline][1]


def _one_size(vision: VisionEncoder) -> VisionEncoder:
    if not isinstance(vision.backbone, DINOv2):
        return vision
    return with_members(vision, {"backbone": vision.backbone.at(vision.config.grid)})


def _fingerprint(module: nn.Module) -> list[tuple]:
    return [
        (p.data_ptr(), p.dtype, p.device, None if p.is_inference() else p._version)
        for p in module.state_dict(keep_vars=True).values()
    ]
