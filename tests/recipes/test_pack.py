"""What is shipped: the model in half precision, and who it is."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # the recipes are not installed

from recipes.freedoom.pack import ABOUT, main  # noqa: E402
from sr_core.checkpoint import load_pipeline, save_pipeline  # noqa: E402


def test_the_packed_file_is_the_model_in_half_the_bytes_and_says_who_it_is(tiny_pipeline, tmp_path):
    source, target = tmp_path / "model.safetensors", tmp_path / "packed.safetensors"
    save_pipeline(tiny_pipeline.float(), source)
    main([str(source), str(target)])
    assert target.stat().st_size < 0.6 * source.stat().st_size
    packed = load_pipeline(target)
    assert packed.origin.items() >= ABOUT.items()
    latents = torch.randn(1, 3, 4)
    expected = tiny_pipeline.vae.decode(latents)[0]
    difference = packed.vae.float().decode(latents)[0] - expected
    assert difference.norm() < 0.01 * expected.norm()
