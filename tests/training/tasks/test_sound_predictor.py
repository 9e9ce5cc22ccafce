import math

import pytest
import torch

from sr_core.audio.mel import mel_bank
from sr_core.evaluation.metrics.mel_nats import HIGHEST_HZ, LOWEST_HZ, POINTS
from sr_core.training.tasks.sound_predictor import (
    BANDS,
    COLUMNS,
    FUTURE,
    PAST,
    SoundPredictor,
    fit_sound_predictor,
    hear,
)


class Tone:
    """Decodes every latent to a sine whose amplitude is the latent's first channel."""

    class config:  # noqa: N801
        hop, sample_rate = 1600, 48_000

    def decode(self, latents):
        time = torch.arange(1600 * latents.shape[1]) / 48_000
        amplitude = latents[..., 0].repeat_interleave(1600, dim=1)
        wave = amplitude * torch.sin(2 * math.pi * 1500 * time)
        return wave[:, None].expand(-1, 2, -1), None


def test_columns_are_log_magnitudes_of_the_decoded_sound():
    """A sine of amplitude 0.5 has the magnitude 0.25 in its bin, and half of it beside."""
    heard = hear(Tone(), torch.full((1, 8, 1), 0.5))
    assert heard.mel.shape == (1, 8, COLUMNS * BANDS) and heard.level.shape == (1, 8, 1)
    middle = heard.mel[0, 4].view(COLUMNS, BANDS)[0]
    bank, at = mel_bank(POINTS, BANDS, 48_000, LOWEST_HZ, HIGHEST_HZ), 1500 * POINTS // 48_000
    expected = (0.25 * bank[:, at] + 0.125 * (bank[:, at - 1] + bank[:, at + 1]) + 1e-5).log()
    band = int(expected.argmax())
    assert middle[band].item() == pytest.approx(expected[band].item(), abs=1e-3)


def test_a_column_depends_on_the_latents_around_it():
    predictor = SoundPredictor(3)
    x = torch.randn(1, 20, 3, requires_grad=True)
    heard = predictor(x)
    (heard.mel[0, 10].sum() + heard.level[0, 10].sum()).backward()
    touched = x.grad[0].abs().sum(dim=1).nonzero().flatten().tolist()
    assert touched == list(range(10 - PAST, 10 + FUTURE + 1))


def test_levels_are_those_of_the_frames_in_nats():
    """A sine of amplitude a has the power a^2 / 2; nothing is softer than -60 dB."""
    level = hear(Tone(), torch.tensor([0.5, 0.05, 0.0])[None, :, None]).level.flatten()
    expected = [0.5 * math.log(0.5**2 / 2), 0.5 * math.log(0.05**2 / 2), math.log(1e-3)]
    assert level.tolist() == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
def test_a_fitted_predictor_tells_level_and_spectrum():
    generator = torch.Generator().manual_seed(0)
    latents = torch.rand(24, 12, 1, generator=generator) + 0.01
    predictor = fit_sound_predictor(Tone(), latents, seed=0)
    held_out = torch.rand(4, 12, 1, generator=generator) + 0.01
    means = predictor.mean[:-1], predictor.mean[-1:]
    for found, real, mean in zip(predictor(held_out), hear(Tone(), held_out), means, strict=True):
        assert (found - real).abs().mean() < 0.5 * (real - mean).abs().mean()
    assert not any(p.requires_grad for p in predictor.parameters())
