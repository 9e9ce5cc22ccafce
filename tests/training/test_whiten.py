import pytest
import torch

from sr_core.audio.oobleck import OobleckConfig
from sr_core.audio.spectral import SpectralConfig
from sr_core.audio.vae import AudioVAE
from sr_core.training.whiten import whiten

SPECTRAL = SpectralConfig(
    latent_channels=3, window=16, fold=2, width=8, encoder_blocks=1, decoder_blocks=1
)
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
