"""Data is trained on by the checkpoint whose encoders made it, or the new ones are learned."""

import json
from dataclasses import replace

import pytest
import torch

from sr_core.audio.vae import AudioVAE
from sr_core.checkpoint import load_pipeline, save_pipeline
from sr_core.components import save_part
from sr_core.training.data.statistics import Moments
from sr_core.training.initial import new_pipeline
from sr_core.training.runtime.compatibility import check_parts
from sr_core.training.stages import DiffusionRun, diffusion_task
from sr_core.training.tuning_stages import consistency_task
from sr_core.vision.encoder import VisionEncoder

SPREAD = torch.linspace(-3.4, 3.4, 50)  # of the latents that the data has


@pytest.fixture
def source(tiny_pipeline, tmp_path):
    return save_pipeline(tiny_pipeline.float(), tmp_path / "model.safetensors")


@pytest.fixture
def data(tiny_pipeline, source, tmp_path):
    """Prepared with the parts of `source`; latents have a mean of 3 and a deviation of SPREAD's."""
    folder = tmp_path / "data"
    folder.mkdir()
    save_part(tiny_pipeline.vision, folder / "vision.safetensors")
    save_part(tiny_pipeline.vae, folder / "vae.safetensors")
    moments = {"grid": Moments(), "latent": Moments()}
    moments["grid"].update(torch.randn(50, tiny_pipeline.model.grid_mean.numel()))
    moments["latent"].update(3 + SPREAD[:, None].expand(-1, 4))
    report = {"moments": {name: found.as_json() for name, found in moments.items()}}
    (folder / "train-00000.json").write_text(json.dumps(report))
    return folder


def other_vae(pipeline, data):
    next(pipeline.vae.encoder.parameters()).mul_(1.1)
    save_part(pipeline.vae, data / "vae.safetensors")


def test_the_same_parts_in_half_precision_are_the_same(tiny_pipeline, data, tmp_path):
    packed = save_pipeline(tiny_pipeline, tmp_path / "packed.safetensors", torch.float16)
    check_parts(load_pipeline(packed), data, packed)


def test_another_frame_encoder_is_refused(tiny_pipeline, source, data):
    next(tiny_pipeline.vision.parameters()).mul_(-1)
    save_part(tiny_pipeline.vision, data / "vision.safetensors")
    with pytest.raises(ValueError, match="another frame encoder"):
        diffusion_task(data, DiffusionRun(), source, "cpu")


def test_another_vae_is_refused_in_both_stages(tiny_pipeline, source, data):
    other_vae(tiny_pipeline, data)
    for task in (diffusion_task, consistency_task):
        with pytest.raises(ValueError, match="another VAE .*adopt=true"):
            task(data, DiffusionRun(), source, "cpu")


def test_another_vae_is_adopted_with_the_statistics_of_its_latents(tiny_pipeline, source, data):
    other_vae(tiny_pipeline, data)
    _, pipeline = diffusion_task(data, DiffusionRun(adopt=True), source, "cpu")
    waveform = torch.randn(1, 2, 2 * pipeline.vae.config.hop)
    raw, _, _ = tiny_pipeline.vae.encode_moments(waveform)
    sigma_data = pipeline.config.model.head.sigma_data
    expected = (raw - 3) / (SPREAD.std(correction=0) / sigma_data)
    torch.testing.assert_close(pipeline.vae.encode(waveform)[0], expected, rtol=1e-3, atol=1e-3)


def test_a_vae_with_more_latents_is_adopted_and_only_layers_of_latents_are_new(
    tiny_pipeline, source, data
):
    config = replace(tiny_pipeline.vae.config, latent_channels=6)
    save_part(AudioVAE(config), data / "vae.safetensors")
    report = json.loads((data / "train-00000.json").read_text())
    moments = Moments()
    moments.update(3 + SPREAD[:, None].expand(-1, 6))
    report["moments"]["latent"] = moments.as_json()
    (data / "train-00000.json").write_text(json.dumps(report))
    task, pipeline = diffusion_task(data, DiffusionRun(adopt=True), source, "cpu")
    ours, theirs = (p.model.state_dict() for p in (pipeline, load_pipeline(source)))
    new = {name for name, x in ours.items() if not torch.equal(x, theirs[name])}
    latents = {f"{name}.weight" for name in ("audio_input", "head.input", "head.output")}
    assert latents <= new <= latents | {"head.output.bias", "grid_mean", "grid_scale"}
    assert task.model.latent_channels == pipeline.config.audio.latent_channels == 6
    again = diffusion_task(data, DiffusionRun(adopt=True), source, "cpu")[1].model.state_dict()
    assert all(torch.equal(x, again[name]) for name, x in ours.items())


def test_a_frame_encoder_of_another_shape_is_not_adopted(tiny_pipeline, source, data):
    config = replace(tiny_pipeline.config.vision, channels=tiny_pipeline.config.vision.channels - 1)
    save_part(VisionEncoder(config), data / "vision.safetensors")
    with pytest.raises(ValueError, match="expected the shape of the checkpoint's frame encoder"):
        diffusion_task(data, DiffusionRun(adopt=True), source, "cpu")


def test_shapes_that_the_checkpoint_does_not_have_are_refused(tiny_pipeline, source, data):
    own = tiny_pipeline.config.model
    diffusion_task(data, DiffusionRun(model=own), source, "cpu")
    other = replace(own, head=replace(own.head, depth=own.head.depth + 1))
    with pytest.raises(ValueError, match="settings of model that .* keeps its own shapes"):
        diffusion_task(data, DiffusionRun(model=other), source, "cpu")


def test_a_model_remembers_as_far_as_its_rows_reach(tiny_pipeline, source, data):
    own = tiny_pipeline.config.model
    fresh = new_pipeline(data, own, 12, 0)
    assert fresh.model.config.transformer.train_frames == 12
    _, tuned = diffusion_task(data, DiffusionRun(frames=9, model=own), source, "cpu")
    assert tuned.config.model == own  # and what it has learned is not taken from it
