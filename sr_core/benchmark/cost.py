"""Memory traffic and FLOPs per frame, and the lower bound of the time that they imply."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..engine.frame_pass import frame_inputs, read_frame
from ..engine.key_value_ring import KeyValueRing
from ..engine.session import Session
from ..models.soundreactor.model import SoundReactor
from ..pipeline import Pipeline
from ..sampling.settings import Settings
from ..training.runtime.cost import UNCOUNTED
from .hardware import Hardware
from .measurable import generator_of, model_of


class Cost(NamedTuple):
    """Cost of one part for one frame."""

    bytes: int  # weights and cached keys and values that are read, including repeated reads
    flops: int  # FLOPs of matrix products, convolutions and attention

    def limit_ms(self, hardware: Hardware) -> float:
        """Lower bound of the time, in ms: the maximum of reading time and computing time."""
        read = self.bytes / hardware.bytes_per_second
        return 1000 * max(read, self.flops / hardware.flops_per_second)


def costs_of(pipeline: Pipeline, settings: Settings, frame: Tensor) -> dict[str, Cost]:
    """Cost of each of the four parts with a full attention window; frame (1 1 3 h w)."""
    model, vae = model_of(pipeline), pipeline.vae
    generator = generator_of(Session(pipeline, pipeline.start(settings, 0)))
    z = torch.zeros(1, 2 * model.config.transformer.width).to(model.start)
    latents = torch.zeros(1, 1, model.latent_channels).to(vae.latent_mean)
    ring = _full_ring(model)
    tokens = torch.zeros(1, 3 if settings.guidance != 1 else 2, z.shape[1] // 2).to(z)
    inputs = frame_inputs(model.transformer, ring, generator.context, tokens.shape[1])
    features = pipeline.vision(frame)
    grid = torch.cat([features, features], dim=-1).to(model.start)
    evaluations = settings.steps if settings.method == "consistency" else 2 * settings.steps - 1

    def encode() -> None:
        pipeline.vision(frame)
        model.encode_frames(grid)

    def draw() -> None:
        conditions = model.head.modulations(torch.zeros(len(generator.sigmas), 1).to(z), z)
        for _ in range(evaluations):
            model.head.modulated(latents[:, 0].to(z), [part[0] for part in conditions])

    layers = model.head.named_modules()
    modulations = [layer for name, layer in layers if name.endswith("modulation")]
    once = _size(*modulations, model.head.condition, model.head.noise)
    return {
        "vision": Cost(_size(pipeline.vision, model.aggregator), _flops(encode)),
        "transformer": Cost(
            _size(model.transformer, model.audio_input, model.vision_input)
            + ring.keys.nbytes
            + ring.values.nbytes,
            _flops(lambda: read_frame(model.transformer, tokens, ring, inputs)),
        ),
        "head": Cost(once + evaluations * (_size(model.head) - once), _flops(draw)),
        "decode": Cost(_size(vae.decoder), _flops(lambda: vae.decode(latents))),
    }


def _full_ring(model: SoundReactor) -> KeyValueRing:
    config = model.config.transformer
    ring = KeyValueRing(config, 1, config.train_frames, model.start)
    ring.position = 2 * config.train_frames
    return ring


def _flops(work: Callable[[], object]) -> int:
    """FLOPs of `work`, which must use plain layers: packed ones are not counted."""
    with FlopCounterMode(display=False, custom_mapping=UNCOUNTED) as counter:
        work()
    return counter.get_total_flops()


def _size(*modules: nn.Module) -> int:
    return sum(p.nbytes for module in modules for p in module.parameters())
