import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sr_core.audio.mel import mel_bank
from sr_core.config import from_dict
from sr_core.training.stages import VAERun
from sr_core.training.tasks.energy import EnergyConfig, energy_distance, magnitudes

ROOT = Path(__file__).parents[3]
SMALL = EnergyConfig(sizes=(128, 64))


def sound(seed: int = 0, rows: int = 2, samples: int = 640) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(rows, 2, samples, generator=generator)


def rows(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(row) for row in range(count)]


def test_the_distance_is_nothing_at_equality_and_positive_otherwise():
    x, y = sound(0), sound(1)
    assert energy_distance([x], x, SMALL).max() < 1e-3
    assert energy_distance([y], x, SMALL).min() > 0.5


def test_the_distance_to_silence_is_finite_and_so_is_its_gradient():
    y = sound().requires_grad_()
    for reference in (torch.zeros_like(y), y.detach().clone()):
        y.grad = None
        energy_distance([y], reference, SMALL).sum().backward()
        assert y.grad.isfinite().all()


def test_energy_distance_of_equal_sounds_is_the_plain_distance():
    x, y = sound(0), sound(1)
    plain, energy = energy_distance([y], x, SMALL), energy_distance([y, y], x, SMALL)
    torch.testing.assert_close(energy, plain, rtol=0, atol=1e-3)


def test_energy_distance_is_least_for_noise_as_loud_as_the_recording():
    levels = [0.0, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0]
    reference, first, second = sound(0, 16), sound(1, 16), sound(2, 16)
    constant = 0.1 * torch.ones_like(reference)
    for carried in (0.0, 0.3):  # without and with a part that is the same for all
        losses = [
            energy_distance(
                [carried * constant + level * noise for noise in (first, second)],
                carried * constant + reference,
                EnergyConfig(sizes=(128,)),
            ).mean()
            for level in levels
        ]
        assert levels[torch.stack(losses).argmin()] == 1.0


@pytest.mark.torchaudio
@pytest.mark.parametrize("size", [2048, 512, 128])
def test_bands_tell_noises_of_one_spectrum_less_apart_than_bins_do(size):
    def apart(**weights):
        config = EnergyConfig(sizes=(size,), convergence=0.0, **weights)
        return energy_distance([sound(1, samples=8192)], sound(0, samples=8192), config).mean()

    bins, bands = apart(), apart(logarithmic=0.0, bands=1.0)
    assert 0.05 < bands < 0.8 * bins


@pytest.mark.torchaudio
def test_the_band_that_differs_counts():
    time = torch.arange(8192) / 48_000
    low, high = (0.1 * (2 * torch.pi * f * time).sin().expand(1, 2, -1) for f in (300, 3000))
    config = EnergyConfig(sizes=(1024,), convergence=0.0, logarithmic=0.0, bands=1.0)
    other = energy_distance([low + 2 * high], low + high, config)
    same = energy_distance([low + high], low + high, config)
    # Twice as loud is ln 2 apart, in those of the 32 bands that hear the tone's main lobe.
    assert same < 1e-6 and 0.02 < other < 4 / 32


@pytest.mark.torchaudio
def test_the_smallest_transform_has_one_band():
    """32 samples: all that is heard is one band, whose level alone is compared."""
    config = EnergyConfig(sizes=(32,), convergence=0.0, logarithmic=0.0, bands=1.0)
    found, x, y = energy_distance([sound(1)], sound(0), config), sound(0), sound(1)
    bank = mel_bank(32, 1, 48_000)[0]
    levels = [0.5 * (magnitudes(s, 32).square() @ bank / bank.sum()).log() for s in (x, y)]
    apart = (levels[0] - levels[1]).abs().mean(dim=2)
    weights = torch.tensor([1 / 6, 1 / 6, 1 / 3, 1 / 3])
    torch.testing.assert_close(found, (apart * weights).sum(dim=1))


def test_the_plain_distance_would_rather_have_less_noise():
    x, noise = sound(0, 16), sound(1, 16)
    config = EnergyConfig(sizes=(128,), logarithmic=0.0)
    quiet, full = (energy_distance([level * noise], x, config).mean() for level in (0.6, 1.0))
    assert quiet < full


def test_a_row_draws_its_own_sizes_whatever_stands_beside_it():
    config = EnergyConfig(sizes=(128, 64, 32), drawn=1)
    x, y = sound(0, 4), sound(1, 4)
    together = energy_distance([y], x, config, rows(4))
    apart = [energy_distance([y[i : i + 1]], x[i : i + 1], config, [rows(4)[i]]) for i in range(4)]
    torch.testing.assert_close(together, torch.cat(apart))


def test_drawn_sizes_are_on_average_all_sizes():
    x, y = sound(0, 1).expand(300, 2, 640), sound(1, 1).expand(300, 2, 640)
    config = EnergyConfig(sizes=(128, 64, 32), drawn=1)
    drawn = energy_distance([y], x, config, rows(300)).mean()
    torch.testing.assert_close(
        drawn, energy_distance([y], x, EnergyConfig(sizes=(128, 64, 32)))[0], rtol=0.05, atol=0
    )


def test_a_sound_shorter_than_a_window_is_refused():
    with pytest.raises(ValueError, match="for an FFT of 1024"):
        energy_distance([sound()], sound(1), EnergyConfig(sizes=(1024,)))


def test_the_level_counts_how_loud_a_frame_is_and_not_its_spectrum():
    config = EnergyConfig(sizes=(128,), convergence=0.0, logarithmic=0.0, level=1.0)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 2, 64_000, generator=generator)
    twice, other = 2 * x, torch.randn(2, 2, 64_000, generator=generator)
    torch.testing.assert_close(
        energy_distance([twice], x, config), torch.full((2,), 2.0).log(), rtol=1e-3, atol=0
    )
    assert energy_distance([other], x, config).max() < 0.2


def test_left_and_right_weigh_a_sixth_each_and_mid_and_side_a_third():
    """Twice as loud is ln 2 apart wherever it is; the channels that stay the same are not."""
    config = EnergyConfig(sizes=(128,), convergence=0.0)
    x = torch.randn(1, 2, 640, generator=torch.Generator().manual_seed(0))
    mid = x.mean(dim=1, keepdim=True).expand(1, 2, -1)
    swapped = x.flip(1)  # left and right differ, mid is the same and side too but for its sign
    left, right, _, _ = magnitudes(x, 128).log().unbind(dim=1)
    apart = (left - right).abs().mean()
    torch.testing.assert_close(energy_distance([swapped], x, config)[0], apart / 3)
    # Sides in phase: left, right and mid are ln 2 apart, the side is silent in both.
    both = energy_distance([2 * mid], mid, config)[0]
    torch.testing.assert_close(both, torch.tensor(2 / 3 * math.log(2)), rtol=1e-3, atol=0)


def test_convergence_is_the_distance_relative_to_the_references_norm():
    config = EnergyConfig(sizes=(128, 64), logarithmic=0.0)
    x = sound()
    torch.testing.assert_close(
        energy_distance([3 * x], x, config), torch.full((2,), 2.0), rtol=1e-2, atol=0
    )


@pytest.mark.parametrize("floor", [1e-5, 1e-3])
def test_convergence_to_silence_is_relative_to_the_norm_of_the_floor_in_all_channels(floor):
    """Of faint noise, where the floor counts: in the norm as a magnitude, not as a power."""
    y, config = 1e-3 * sound(1), EnergyConfig(sizes=(128,), logarithmic=0.0, floor=floor)
    own = magnitudes(y, 128, floor).double()
    count = own.shape[2] * own.shape[3]
    weights = torch.tensor([1 / 6, 1 / 6, 1 / 3, 1 / 3], dtype=torch.float64)
    apart = ((own - floor).square().sum(dim=(2, 3)) * weights).sum(dim=1)
    all_channels = 4 * count * floor**2
    expected = (apart + 1e-4 * all_channels).sqrt() / (
        (count * floor**2) ** 0.5 + all_channels**0.5
    )
    found = energy_distance([y], torch.zeros_like(y), config)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=0)
    equal = energy_distance([0 * y], torch.zeros_like(y), config)
    assert equal[0].item() == pytest.approx(0.01 * 2 / 3, rel=1e-3)  # of the root's own floor


def test_one_window_of_sound_is_enough():
    assert magnitudes(sound(samples=64), 64).shape == (2, 4, 1, 33)


def test_magnitudes_of_white_noise_are_its_rms():
    found = magnitudes(3 * torch.randn(1, 2, 64_000, generator=rows(1)[0]), 256)
    left, right, mid, side = found.square().mean(dim=(0, 2, 3)).sqrt()
    for of, rms in ((left, 3.0), (right, 3.0), (mid, 3 / 2**0.5), (side, 3 / 2**0.5)):
        assert of == pytest.approx(rms, rel=0.03)


@pytest.mark.torchaudio
@pytest.mark.parametrize(
    ("recipe", "sounds", "expected"),
    [("vae", 1, [1.4890357, 4.5498967]), ("noise", 2, [0.9835823, 8.7690229])],
)
def test_the_shipped_codecs_recipes_mean_what_they_meant(recipe, sounds, expected):
    """Values of the loss as it was when the codec was trained, on the golden tensors."""
    tensors = load_file(ROOT / "tests" / "goldens" / "vae_losses.safetensors")
    x, y = tensors["real"].float(), tensors["fake"].float()
    text = (ROOT / "recipes" / "freedoom" / f"{recipe}.json").read_text(encoding="utf-8")
    task = from_dict(VAERun, json.loads(text)).task
    assert (task.stft.weight, task.energy.weight, task.adversarial) == (0, 1, 0)
    found = energy_distance([y, y.flip(0)][:sounds], x, task.energy, rows(2))
    assert found.tolist() == pytest.approx(expected, rel=1e-4)
