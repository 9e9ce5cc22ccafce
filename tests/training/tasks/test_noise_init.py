import copy

import pytest
import torch

from sr_core.audio.spectral import SpectralConfig
from sr_core.audio.spectrum import NOISE_OFFSET, OUTPUTS
from sr_core.audio.vae import AudioVAE
from sr_core.training.tasks.noise_init import initialise_noise

CONFIG = SpectralConfig(
    latent_channels=3, window=16, fold=2, width=16, kernel=3, encoder_blocks=1, decoder_blocks=1
)


@pytest.fixture
def vae() -> AudioVAE:
    torch.manual_seed(0)
    vae = AudioVAE(CONFIG).eval().requires_grad_(False)
    vae.decoder.head.bias[: 2 * CONFIG.bins] -= 3  # as small as sound is
    return vae


@pytest.fixture
def waveform() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    loudness = torch.rand(8, 1, 640, generator=generator).cumprod(dim=1)
    return 0.1 * loudness * torch.randn(8, 2, 640, generator=generator)


def predicted(vae: AudioVAE, waveform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean power of what is foretold and of the panned noise, each (2 f)."""
    x, _ = vae.decoder.predict(vae.encode_moments(waveform)[0])
    parts = x.unflatten(-1, (OUTPUTS, CONFIG.bins))
    size, real, imaginary, level, _ = parts.split([2, 2, 2, 2, 1], dim=2)
    sound = (real.square() + imaginary.square()) * (2 * size).exp()
    noise = 2 * (2 * (level - NOISE_OFFSET)).exp()
    return sound.mean(dim=(0, 1)), noise.mean(dim=(0, 1))


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_noise_takes_over_its_share_of_the_power_in_every_bin(vae, waveform, share):
    before, _ = predicted(vae, waveform)
    initialise_noise(vae, waveform, share)
    after, noise = predicted(vae, waveform)
    assert torch.allclose(after, (1 - share) * before, rtol=1e-4)
    # Fitted are logarithms, whose mean is below that of the power.
    ratio = noise / (share * before)
    assert ratio.min() > 0.25 and ratio.max() < 1.5, ratio


def test_what_is_neither_sound_nor_panned_noise_stays(vae, waveform):
    old = copy.deepcopy(vae)
    initialise_noise(vae, waveform, 0.5)
    for name, value in old.state_dict().items():
        if not name.startswith("decoder.head."):
            assert torch.equal(value, vae.state_dict()[name]), name
    kept = [*range(2 * CONFIG.bins), *range(8 * CONFIG.bins, 9 * CONFIG.bins)]
    assert torch.equal(old.decoder.head.weight[kept], vae.decoder.head.weight[kept])


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_that_is_none_or_all_is_refused(vae, waveform, share):
    with pytest.raises(ValueError, match="noise share"):
        initialise_noise(vae, waveform, share)
