"""What is shipped: the model in half precision, and who it is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # the recipes are not installed

from recipes.freedoom.pack import ABOUT, main  # noqa: E402
from sr_core.checkpoint import load_pipeline, save_pipeline  # noqa: E402
from sr_core.sampling.settings import Settings  # noqa: E402


def test_the_packed_file_is_the_model_in_half_the_bytes_and_says_who_it_is(tiny_pipeline, tmp_path):
    source, target = tmp_path / "model.safetensors", tmp_path / "packed.safetensors"
    save_pipeline(tiny_pipeline.float(), source)
    main([str(source), str(target)])
    assert target.stat().st_size < 0.6 * source.stat().st_size
    packed = load_pipeline(target)
    assert packed.recommended == tiny_pipeline.recommended
    assert packed.origin.items() >= ABOUT.items()
    latents = torch.randn(1, 3, 4)
    expected = tiny_pipeline.vae.decode(latents)[0]
    difference = packed.vae.float().decode(latents)[0] - expected
    assert difference.norm() < 0.01 * expected.norm()


def test_packing_sets_what_the_file_recommends_and_keeps_the_rest(tiny_pipeline, tmp_path):
    source, target = tmp_path / "model.safetensors", tmp_path / "packed.safetensors"
    tiny_pipeline.recommended = Settings(3, 1.5)
    save_pipeline(tiny_pipeline.float(), source)
    for words, expected in [
        ([], Settings(3, 1.5)),
        (["--steps", "2", "--guidance", "2.5"], Settings(2, 2.5)),
        (["--method", "heun"], Settings(16, 1.5, "heun")),
    ]:
        main([str(source), str(target), *words])
        assert load_pipeline(target).recommended == expected
    with pytest.raises(ValueError, match="got 9 steps"):
        main([str(source), str(tmp_path / "other.safetensors"), "--steps", "9"])
    assert not (tmp_path / "other.safetensors").exists()
