"""Every node that computes frames does so on the model's own threads, not the host's."""

from __future__ import annotations

import pytest
import torch

SETTINGS = {"seed": 3, "steps": 1, "guidance": 2.0}


@pytest.fixture
def source(run):
    images = torch.rand(4, 32, 48, 3)
    frames, video, _ = run("LoadFrames", file="none", images=images, fps=30).args
    return frames, video


def test_the_chain_of_nodes(run, parts, source, threads_seen):
    grid = run("VisionEncoder", frames=source[0], vision=parts.vision, cache_mb=0)[0]
    grid = run("TemporalDifference", grid=grid)[0]
    choices = {"method": "consistency", "context": "window"}
    latent = run("Sampler", model=parts.model, grid=grid, **SETTINGS, **choices)[0]
    audio = run("VAEDecode", latent=latent, vae=parts.vae)[0]
    run("VAEEncode", audio=audio, vae=parts.vae, align="start")
    assert threads_seen == {1} and torch.get_num_threads() == 2


def test_the_live_node(run, pack, parts, source, threads_seen):
    run("Live", model=parts.model, method="consistency", frames=source[0], **SETTINGS)
    assert threads_seen == {1} and torch.get_num_threads() == 2
