"""What is shipped: the model with the decoder that learned on, of the same latents."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # the recipes are not installed

from recipes.freedoom.pack import ABOUT, main, take_decoder  # noqa: E402
from sr_core.checkpoint import load_pipeline, save_pipeline  # noqa: E402
from sr_core.parts import save_part  # noqa: E402


@pytest.fixture
def learned_on(tiny_pipeline):
    vae = copy.deepcopy(tiny_pipeline.vae)
    for parameter in vae.decoder.parameters():
        parameter.mul_(1.5)
    return vae


def test_the_packed_file_has_the_decoder_that_learned_on(tiny_pipeline, learned_on, tmp_path):
    save_pipeline(tiny_pipeline.float(), tmp_path / "model.safetensors")
    save_part(learned_on.float(), tmp_path / "vae.safetensors")
    target = tmp_path / "packed.safetensors"
    main(
        [
            str(tmp_path / "model.safetensors"),
            str(target),
            "--vae",
            str(tmp_path / "vae.safetensors"),
        ]
    )
    packed = load_pipeline(target)
    assert packed.origin["knows"] == ABOUT["knows"]
    latents = torch.randn(1, 3, 4)
    expected = learned_on.decode(latents)[0]
    difference = packed.vae.float().decode(latents)[0] - expected
    assert difference.norm() < 0.01 * expected.norm()  # half precision alone


def test_a_decoder_of_other_latents_is_refused(tiny_pipeline, learned_on):
    next(learned_on.encoder.parameters()).mul_(1.1)
    with pytest.raises(ValueError, match="encoder differs"):
        take_decoder(tiny_pipeline, learned_on)
