import pytest
import torch
from safetensors.torch import load_file, save_file

from sr_core.audio.spectral import SpectralConfig
from sr_core.audio.vae import AudioVAE
from sr_core.checkpoint import save_pipeline, sha256
from sr_core.components import load_any_vae, load_vision, save_part


def same(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


def test_parts_are_read_from_their_own_files_and_out_of_checkpoints(tiny_pipeline, tmp_path):
    pipeline = tiny_pipeline.float()
    whole = save_pipeline(pipeline, tmp_path / "model.safetensors")
    vision = save_part(pipeline.vision, tmp_path / "vision.safetensors")
    vae = save_part(pipeline.vae, tmp_path / "vae.safetensors")
    for path in (whole, vision):
        assert same(load_vision(path), pipeline.vision)
    for path in (whole, vae):
        loaded = load_any_vae(path)
        assert same(loaded, pipeline.vae) and loaded.config == pipeline.vae.config
        assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_a_spectral_codec_comes_back_as_one(tmp_path):
    torch.manual_seed(0)
    vae = AudioVAE(SpectralConfig(width=8, encoder_blocks=1, decoder_blocks=1))
    loaded = load_any_vae(save_part(vae, tmp_path / "vae.safetensors"))
    assert same(loaded, vae) and loaded.config == vae.config


def test_the_same_part_is_the_same_bytes(tiny_pipeline, tmp_path):
    paths = [save_part(tiny_pipeline.vae, tmp_path / f"{n}.safetensors") for n in range(4)]
    assert len({sha256(path) for path in paths}) == 1


def test_other_files_are_refused_with_advice(tiny_pipeline, tmp_path):
    vae = save_part(tiny_pipeline.vae, tmp_path / "vae.safetensors")
    with pytest.raises(ValueError, match="holds no vision encoder.*--dinov2"):
        load_vision(vae)
    with pytest.raises(ValueError, match="which is no file"):
        load_any_vae(tmp_path / "nothing.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(ValueError, match="cannot be read as safetensors"):
        load_vision(tmp_path / "text.safetensors")
    with pytest.raises(ValueError, match="converted VAE"):
        save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
        load_any_vae(tmp_path / "x.safetensors")


def test_a_damaged_part_is_named(tiny_pipeline, tmp_path):
    from safetensors import safe_open

    path = save_part(tiny_pipeline.vision, tmp_path / "vision.safetensors")
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    weights = load_file(path)
    weights.pop("pca_mean")
    save_file(weights, path, metadata)
    with pytest.raises(ValueError, match="other weights than its config says.*pca_mean"):
        load_vision(path)
