"""Two passes of a stereo VAE, W X and Y Z, as a VAE of first-order Ambisonics."""

from dataclasses import replace

import pytest
import torch

from sr_core.audio.foa import in_pairs
from sr_core.audio.pairs import PairsConfig
from sr_core.audio.vae import AudioVAE
from sr_core.checkpoint import load_pipeline, save_pipeline
from sr_core.components import load_any_vae, save_part
from sr_core.pipeline import Pipeline
from tests.audio.test_foa import CAUSAL, TINY, looks_ahead, near, random, tiny_vae
from tests.conftest import TINY as PIPELINE

W, Y, Z, X = range(4)


def test_the_default_is_two_passes_of_the_shape_of_stable_audio():
    config = PairsConfig()
    assert (config.sample_rate, config.hop, config.causal) == (44_100, 2048, False)
    assert (config.audio_channels, config.latent_channels) == (4, 128)
    with torch.device("meta"):
        counts = [sum(p.numel() for p in AudioVAE(c).parameters()) for c in (config, config.stereo)]
    assert counts[0] == counts[1]  # one VAE for both pairs


@CAUSAL
def test_encoding_and_decoding_are_those_of_each_pair(causal):
    stereo, field = tiny_vae(2, causal), random(2, 4, 48)
    vae = in_pairs(stereo)
    latents = vae.encode(field)[0]
    apart = [stereo.encode(field[:, pair])[0] for pair in ([W, X], [Y, Z])]
    near(latents, torch.cat(apart, dim=-1))
    moments, pairs = vae.encode_moments(field), [stereo.encode_moments(field[:, [Y, Z]])]
    near(moments[1][..., 3:], pairs[0][1])
    sound = vae.decode(latents)[0]
    near(sound[:, [W, X]], stereo.decode(apart[0])[0])
    near(sound[:, [Y, Z]], stereo.decode(apart[1])[0])


def test_a_field_in_pieces_equals_the_field_whole():
    vae, field = in_pairs(tiny_vae(2)), random(2, 4, 7 * 6)
    whole, state, pieces = vae.encode(field)[0], None, []
    for piece in field.split([6, 12, 24], dim=-1):
        latents, state = vae.encode(piece, state)
        pieces.append(latents)
    near(torch.cat(pieces, dim=1), whole)
    sound, state, pieces = vae.decode(whole)[0], None, []
    for piece in whole.split([3, 1, 1, 2], dim=1):
        waveform, state = vae.decode(piece, state)
        pieces.append(waveform)
    near(torch.cat(pieces, dim=-1), sound)


@CAUSAL
def test_only_non_causal_pairs_look_ahead(causal):
    vae = in_pairs(tiny_vae(2, causal))
    assert looks_ahead(vae, random(1, 8, 6)) == (not causal, not causal)


def test_statistics_are_those_of_each_latent():
    stereo = tiny_vae(2)
    vae = in_pairs(stereo)
    assert torch.equal(vae.latent_mean, torch.cat([stereo.latent_mean, stereo.latent_mean]))
    vae.latent_mean[3:] += 1
    vae.latent_scale[3:] *= 2
    field = random(1, 4, 12)
    expected = (stereo.encode(field[:, [Y, Z]])[0] - 1 / stereo.latent_scale) / 2
    near(vae.encode(field)[0][..., 3:], expected)


def test_a_part_and_a_checkpoint_of_pairs_load_as_they_were_saved(tmp_path):
    audio = PairsConfig(replace(TINY, sample_rate=44_100))
    torch.manual_seed(0)
    vae, latents = AudioVAE(audio).eval(), random(1, 2, 6).float()
    loaded = load_any_vae(save_part(vae, tmp_path / "pairs.safetensors"))
    assert loaded.config == audio
    assert torch.equal(loaded.decode(latents)[0], vae.decode(latents)[0])
    pipeline = Pipeline(replace(PIPELINE, audio=audio)).eval()
    again = load_pipeline(save_pipeline(pipeline, tmp_path / "whole.safetensors"))
    assert again.config == pipeline.config
    assert torch.equal(again.vae.decode(latents)[0], pipeline.vae.decode(latents)[0])


@pytest.mark.parametrize("channels", [1, 4])
def test_pairs_of_another_vae_are_refused(channels):
    with pytest.raises(ValueError, match=f"got a VAE of {channels} channels for each pair"):
        PairsConfig(replace(TINY, audio_channels=channels))
    with pytest.raises(ValueError, match="expected an Oobleck VAE of 2 channels"):
        in_pairs(tiny_vae(channels))
