"""The paper's configurations are the paper's model, and nothing in them is unknown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from sr_core.audio.oobleck import OobleckConfig
from sr_core.config import from_dict
from sr_core.models.soundreactor.model import SoundReactor, SoundReactorConfig
from sr_core.training.stages import DiffusionRun, VAERun
from sr_core.training.tuning_stages import ConsistencyRun

FOLDER = Path(__file__).parents[2] / "recipes" / "paper"


def read(kind, name):
    return from_dict(kind, json.loads((FOLDER / name).read_text(encoding="utf-8")))


def test_the_model_is_the_papers():
    """Widths and depths of arXiv 2510.02110, sec. 3 and 4; 240 frames are 8 s at 30 Hz."""
    run = read(DiffusionRun, "diffusion.json")
    transformer, head, aggregator = run.model.transformer, run.model.head, run.model.aggregator
    assert (transformer.depth, transformer.width, transformer.heads) == (18, 1024, 16)
    assert (transformer.hidden, transformer.train_frames, transformer.rope_base) == (3072, 240, 1e4)
    assert (head.depth, head.width, head.sigma_data) == (8, 1280, 0.5)
    assert (aggregator.width, aggregator.depth, aggregator.heads, aggregator.stride) == (
        512,
        2,
        8,
        2,
    )
    assert run.frames == 240 and run.model == SoundReactorConfig()
    with torch.device("meta"):
        model = SoundReactor(run.model)
    counted = {
        name: sum(p.numel() for p in part.parameters()) / 1e6
        for name, part in model.named_children()
    }
    assert counted["transformer"] == pytest.approx(245, rel=0.05)  # "about 250 M"
    assert counted["head"] == pytest.approx(70, rel=0.06)  # "about 70 M"


def test_the_noise_of_stage_1_is_edm2s_for_latents():
    """P_mean -0.4, P_std 1.0 (arXiv 2312.02696, table 6); 4 levels a token (arXiv 2406.11838)."""
    task = read(DiffusionRun, "diffusion.json").task
    assert (task.log_mean, task.log_deviation, task.levels, task.unseen) == (-0.4, 1.0, 4, 0.1)


def test_the_vae_is_the_papers_with_its_discriminator():
    """Every number of sr_ds_1600_dim_64_causal.json in SonyResearch/soundreactor_vae."""
    run = read(VAERun, "vae.json")
    audio, loop, task = run.audio, run.loop, run.task
    assert isinstance(audio, OobleckConfig) and audio.causal
    assert (audio.channels, audio.multipliers, audio.latent_channels) == (128, (1, 2, 4, 8, 16), 64)
    assert (audio.strides, audio.hop, audio.sample_rate) == ((2, 4, 5, 5, 8), 1600, 48000)
    assert (loop.learning_rate, loop.betas, loop.weight_decay) == (1.5e-4, (0.8, 0.99), 1e-3)
    assert (loop.schedule, loop.warmup, loop.clip, loop.ema) == ("inverse_lr", 1000, 1000.0, 0.9999)
    assert task.weights == {
        "stft": 1.0, "energy": 0.0, "waveform": 0.0, "kl": 1e-5, "anchor": 0.0,
        "adversarial": 0.1, "matching": 5.0,
    }  # fmt: skip
    assert task.stft.sizes == (2048, 1024, 512, 256, 128, 64, 32) and task.stft.perceptual
    assert task.discriminator.channels == 64
    assert task.discriminator.sizes == (2048, 1024, 512, 256, 128)
    assert loop.learning_rate * task.discriminator_rate == 3e-4 and task.discriminator_clip == 10.0


def test_the_gap_of_tuning_shrinks_over_all_its_steps():
    run = read(ConsistencyRun, "consistency.json")
    assert not run.task.steps and run.task.dropout == 0.2


def test_every_part_of_a_batch_has_as_many_rows():
    for kind, name in (
        (VAERun, "vae"),
        (DiffusionRun, "diffusion"),
        (ConsistencyRun, "consistency"),
    ):
        loop = read(kind, f"{name}.json").loop
        assert loop.batch % loop.accumulate == 0, name
