import pytest
import torch

from sr_core.training.discriminator import Discriminator, DiscriminatorConfig
from sr_core.training.losses import (
    SpectraConfig,
    a_weighting,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    kl_divergence,
    spectral_distance,
)

SMALL = SpectraConfig(sizes=(128, 64))


def sound(seed: int = 0, rows: int = 2, samples: int = 640) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(rows, 2, samples, generator=generator)


def rows(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(row) for row in range(count)]


@pytest.mark.parametrize("perceptual", [False, True])
def test_spectral_distance_is_nothing_at_equality_and_positive_otherwise(perceptual):
    config = SpectraConfig(sizes=(128, 64), perceptual=perceptual)
    x, y = sound(0), sound(1)
    assert spectral_distance([x], x, config).max() < 1e-3
    assert spectral_distance([y], x, config).min() > 0.5


def test_the_weighting_leaves_the_logarithmic_part_as_it_is():
    x, y = sound(0), sound(1)
    configs = [SpectraConfig((128,), convergence=0.0, perceptual=p) for p in (False, True)]
    plain, weighted = (spectral_distance([y], x, config) for config in configs)
    torch.testing.assert_close(plain, weighted)


def test_the_distance_to_silence_is_finite_and_so_is_its_gradient():
    y = sound().requires_grad_()
    for reference in (torch.zeros_like(y), y.detach().clone()):
        y.grad = None
        spectral_distance([y], reference, SMALL).sum().backward()
        assert y.grad.isfinite().all()


def test_energy_distance_of_equal_sounds_is_the_plain_distance():
    x, y = sound(0), sound(1)
    plain, energy = spectral_distance([y], x, SMALL), spectral_distance([y, y], x, SMALL)
    torch.testing.assert_close(energy, plain, rtol=0, atol=1e-3)


def test_energy_distance_is_least_for_noise_as_loud_as_the_recording():
    levels = [0.0, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0]
    reference, first, second = sound(0, 16), sound(1, 16), sound(2, 16)
    constant = 0.1 * torch.ones_like(reference)
    for carried in (0.0, 0.3):  # without and with a part that is the same for all
        losses = [
            spectral_distance(
                [carried * constant + level * noise for noise in (first, second)],
                carried * constant + reference,
                SpectraConfig(sizes=(128,)),
            ).mean()
            for level in levels
        ]
        assert levels[torch.stack(losses).argmin()] == 1.0


@pytest.mark.parametrize("size", [2048, 512, 128])
def test_bands_tell_noises_of_one_spectrum_less_apart_than_bins_do(size):
    def apart(**weights):
        config = SpectraConfig((size,), convergence=0.0, **weights)
        return spectral_distance([sound(1, samples=8192)], sound(0, samples=8192), config).mean()

    bins, bands = apart(), apart(logarithmic=0.0, bands=1.0)
    assert 0.05 < bands < 0.8 * bins


def test_the_band_that_differs_counts():
    time = torch.arange(8192) / 48_000
    low, high = (0.1 * (2 * torch.pi * f * time).sin().expand(1, 2, -1) for f in (300, 3000))
    config = SpectraConfig((1024,), convergence=0.0, logarithmic=0.0, bands=1.0)
    other = spectral_distance([low + 2 * high], low + high, config)
    same = spectral_distance([low + high], low + high, config)
    # Twice as loud is ln 2 apart, in those of the 32 bands that hear the tone's main lobe.
    assert same < 1e-6 and 0.02 < other < 4 / 32


def test_the_plain_distance_would_rather_have_less_noise():
    x, noise = sound(0, 16), sound(1, 16)
    config = SpectraConfig(sizes=(128,), logarithmic=0.0)
    quiet, full = (spectral_distance([level * noise], x, config).mean() for level in (0.6, 1.0))
    assert quiet < full


def test_a_row_draws_its_own_sizes_whatever_stands_beside_it():
    config = SpectraConfig(sizes=(128, 64, 32), drawn=1)
    x, y = sound(0, 4), sound(1, 4)
    together = spectral_distance([y], x, config, rows(4))
    apart = [
        spectral_distance([y[i : i + 1]], x[i : i + 1], config, [rows(4)[i]]) for i in range(4)
    ]
    torch.testing.assert_close(together, torch.cat(apart))


def test_drawn_sizes_are_on_average_all_sizes():
    x, y = sound(0, 1).expand(300, 2, 640), sound(1, 1).expand(300, 2, 640)
    config = SpectraConfig(sizes=(128, 64, 32), drawn=1)
    drawn = spectral_distance([y], x, config, rows(300)).mean()
    torch.testing.assert_close(
        drawn, spectral_distance([y], x, SpectraConfig(sizes=(128, 64, 32)))[0], rtol=0.05, atol=0
    )


def test_a_sound_shorter_than_a_window_is_refused():
    with pytest.raises(ValueError, match="for an FFT of 1024"):
        spectral_distance([sound()], sound(1), SpectraConfig(sizes=(1024,)))


def test_a_weighting_is_that_of_the_standard():
    gains = 20 * a_weighting(torch.tensor([100.0, 1000.0, 10000.0])).log10()
    torch.testing.assert_close(gains, torch.tensor([-19.1, 0.0, -2.5]), rtol=0, atol=0.1)


def test_kl_is_nothing_for_the_standard_normal_only():
    zero = torch.zeros(2, 5, 3)
    assert kl_divergence(zero, zero).tolist() == [0, 0]
    torch.testing.assert_close(kl_divergence(zero + 2, zero), torch.full((2,), 6.0))
    assert kl_divergence(zero, zero - 1).min() > 0


def test_hinges_are_content_once_scores_are_on_their_sides():
    real, fake = [torch.full((2, 3), 1.5)], [torch.full((2, 3), -1.5)]
    assert hinge_discriminator(real, fake) == 0
    assert hinge_discriminator(fake, real) == 5
    assert hinge_generator(real) < hinge_generator(fake)


def test_features_match_at_equality_only():
    a, b = [torch.ones(2, 3), torch.ones(4)], [torch.ones(2, 3), torch.full((4,), 3.0)]
    assert feature_matching(a, a) == 0
    assert feature_matching(a, b) == 1


def test_a_discriminator_learns_to_tell_noise_from_a_tone():
    torch.manual_seed(0)
    judge = Discriminator(DiscriminatorConfig(channels=4, sizes=(64, 32)))
    tone = 0.1 * torch.arange(640).mul(0.3).sin().expand(2, 2, 640)
    optimizer = torch.optim.Adam(judge.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        loss = hinge_discriminator(judge(tone)[0], judge(sound())[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_the_level_counts_how_loud_a_frame_is_and_not_its_spectrum():
    config = SpectraConfig((128,), convergence=0.0, logarithmic=0.0, level=1.0)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 2, 64_000, generator=generator)
    twice, other = 2 * x, torch.randn(2, 2, 64_000, generator=generator)
    torch.testing.assert_close(
        spectral_distance([twice], x, config), torch.full((2,), 2.0).log(), rtol=1e-3, atol=0
    )
    assert spectral_distance([other], x, config).max() < 0.2
