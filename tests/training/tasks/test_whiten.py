from dataclasses import replace

import pytest
import torch

from sr_core.audio.oobleck import OobleckConfig
from sr_core.audio.pairs import PairsConfig
from sr_core.audio.spectral import SpectralConfig
from sr_core.audio.vae import AudioVAE
from sr_core.components import load_any_vae, save_part
from sr_core.training.data.dataset import Batches
from sr_core.training.tasks.whiten import whiten
from sr_core.training.whiten_stage import WhitenRun, train_whiten
from tests.training.conftest import write_shard

SPECTRAL = SpectralConfig(
    latent_channels=3, window=16, fold=2, width=8, encoder_blocks=1, decoder_blocks=1
)
MEASURED = replace(SPECTRAL, latent_channels=4, measured_level=True, tones=True)
OOBLECK = {"latent_channels": 3, "channels": 4, "multipliers": (1, 2), "strides": (2, 3)}
KINDS = pytest.mark.parametrize(
    "config",
    [SPECTRAL, OobleckConfig(**OOBLECK), OobleckConfig(**OOBLECK, causal=False)],
    ids=["spectral", "causal", "noncausal"],
)


def whitened(config) -> tuple[AudioVAE, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A VAE after whitening, a sound, and its reconstruction and raw mean before."""
    torch.manual_seed(0)
    vae = AudioVAE(config).double().requires_grad_(False)
    waveform = torch.randn(1, 2, 200 * config.hop, dtype=torch.float64)
    before, _ = vae.decode(vae.encode(waveform)[0])
    mean, log_variance, _ = vae.encode_moments(waveform)
    vae = whiten(vae, mean[0], log_variance[0].exp())
    return vae, waveform, before, mean


@KINDS
def test_reconstruction_stays_as_it_was(config):
    vae, waveform, before, _ = whitened(config)
    after, _ = vae.decode(vae.encode(waveform)[0])
    torch.testing.assert_close(after, before, rtol=0, atol=1e-9)


@KINDS
def test_latents_are_decorrelated_with_unit_variance_and_no_mean(config):
    vae, waveform, _, raw = whitened(config)
    latents, _ = vae.encode(waveform)
    assert (torch.cov(raw[0].mT) - torch.eye(3)).abs().max() > 0.1  # they were not before
    torch.testing.assert_close(torch.cov(latents[0].mT), torch.eye(3).double())
    torch.testing.assert_close(latents[0].mean(dim=0), torch.zeros(3).double(), atol=1e-9, rtol=0)


def test_a_measured_level_remains_the_first_channel_and_is_normalised():
    vae, waveform, before, raw = whitened(MEASURED)
    latents, _ = vae.encode(waveform)
    level = raw[0, :, 0]
    torch.testing.assert_close(latents[0, :, 0], (level - level.mean()) / level.std())
    torch.testing.assert_close(torch.cov(latents[0, :, 1:].mT), torch.eye(3).double())
    torch.testing.assert_close(vae.decode(latents)[0], before, rtol=0, atol=1e-9)
    assert vae.config == MEASURED


def test_posterior_variance_keeps_its_share_along_every_axis():
    torch.manual_seed(0)
    vae = AudioVAE(SPECTRAL).double().requires_grad_(False)
    latents = torch.randn(500, 3, dtype=torch.float64) * torch.tensor([1.0, 2.0, 4.0])
    vae = whiten(vae, latents, torch.full((500, 3), 0.25, dtype=torch.float64))
    _, log_variance, _ = vae.encode_moments(torch.randn(1, 2, 64, dtype=torch.float64))
    wanted = 0.25 / torch.linalg.eigvalsh(torch.cov(latents.mT)).flip(0)
    torch.testing.assert_close(log_variance[0, 0].exp(), wanted)


def test_what_drowns_in_noise_is_left_out_and_the_rest_is_decoded_as_before():
    torch.manual_seed(0)
    vae = AudioVAE(SPECTRAL).double().requires_grad_(False)
    vae.encoder.out.weight[1] = 0  # this latent never changes
    vae.encoder.out.bias[1] = 0.7
    waveform = torch.randn(1, 2, 200 * SPECTRAL.hop, dtype=torch.float64)
    before, _ = vae.decode(vae.encode(waveform)[0])
    mean, log_variance, _ = vae.encode_moments(waveform)
    small = whiten(vae, mean[0], log_variance[0].exp(), drowned=1e3)
    latents, _ = small.encode(waveform)
    assert latents.shape[2] == small.config.latent_channels == 2
    torch.testing.assert_close(small.decode(latents)[0], before, rtol=0, atol=1e-9)


@pytest.fixture
def recordings(tmp_path):
    """A shard of four clips of sound, 12 frames (19200 samples) each."""
    generator = torch.Generator().manual_seed(2)
    folder = tmp_path / "sound"
    folder.mkdir()
    write_shard(
        folder / "train-00000.tar",
        {
            f"{number}": {
                "time": torch.zeros(12, dtype=torch.uint8),
                "waveform": (9000 * torch.randn(19_200, 2, generator=generator)).short(),
            }
            for number in range(4)
        },
    )
    return folder


def test_a_run_whitens_the_latents_of_the_rows_that_it_reads(recordings, tmp_path):
    torch.manual_seed(0)
    given = save_part(AudioVAE(SPECTRAL), tmp_path / "vae.safetensors")
    run = WhitenRun(frames=3, rows=5, drowned=1e9, seed=7)
    white = load_any_vae(train_whiten(recordings, tmp_path / "out", run, given, "cpu"))
    batches = Batches(recordings, "train", 1, 3, 7, needs=("waveform",))
    rows = [batches.at(row, range(1))[0]["waveform"] for row in range(5)]
    latents = torch.cat([white.encode(row)[0][0] for row in rows])
    assert latents.shape == (5 * 3 * 100, 3)
    torch.testing.assert_close(torch.cov(latents.mT), torch.eye(3), rtol=0, atol=1e-3)
    torch.testing.assert_close(latents.mean(dim=0), torch.zeros(3), rtol=0, atol=1e-3)
    assert (tmp_path / "out" / "vae.safetensors").exists()
    fewer = replace(run, rows=4)
    other = load_any_vae(train_whiten(recordings, tmp_path / "fewer", fewer, given, "cpu"))
    assert not torch.allclose(other.encode(rows[0])[0], white.encode(rows[0])[0], atol=1e-3)


def test_a_run_leaves_out_what_drowns(recordings, tmp_path):
    torch.manual_seed(0)
    given = save_part(AudioVAE(SPECTRAL), tmp_path / "vae.safetensors")
    with pytest.raises(ValueError, match="got no VAE to whiten; expected --init"):
        train_whiten(recordings, tmp_path / "none", WhitenRun(), None, "cpu")
    shares = load_any_vae(
        train_whiten(
            recordings, tmp_path / "all", WhitenRun(frames=3, rows=5, drowned=1e9), given, "cpu"
        )
    ).encode_moments(torch.zeros(1, 2, 160))[1][0, 0]
    limit = shares.exp().sort().values[:2].mean().item()  # between the least two
    run = WhitenRun(frames=3, rows=5, drowned=limit)
    small = load_any_vae(train_whiten(recordings, tmp_path / "one", run, given, "cpu"))
    assert small.config.latent_channels == 1


def test_held_out_clips_are_not_whitened(recordings, tmp_path):
    torch.manual_seed(0)
    given = save_part(AudioVAE(SPECTRAL), tmp_path / "vae.safetensors")
    run = WhitenRun(frames=3, rows=5, drowned=1e9)
    alone = train_whiten(recordings, tmp_path / "alone", run, given, "cpu").read_bytes()
    for suffix in (".tar", ".json"):
        held_out = recordings / f"test-00000{suffix}"
        held_out.write_bytes((recordings / f"train-00000{suffix}").read_bytes())
    assert train_whiten(recordings, tmp_path / "both", run, given, "cpu").read_bytes() == alone


def test_a_vae_in_pairs_is_refused_as_both_pairs_share_its_layers():
    vae = AudioVAE(PairsConfig(OobleckConfig(**OOBLECK)))
    with pytest.raises(ValueError, match="whiten the stereo VAE before"):
        whiten(vae, torch.zeros(4, 6), torch.ones(4, 6))
