import math

import pytest
import torch

from sr_core.audio.tones import continued_phases, nearest_peaks, start_phases

WINDOW = 256


def random_power(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def tone(frequency: float, bins: int = 33) -> torch.Tensor:  # -> (1 1 f) power
    """A sinusoid's power under the root of a Hann window, without the lobes beside the main one."""
    d = torch.arange(bins).double() - frequency
    main = (math.pi * d).cos() / (1 - 4 * d.square())
    return torch.where(d.abs() < 1.5, main, 0).square()[None, None] + 1e-9 / (1 + d.square())


@pytest.mark.parametrize("frequency", [3.0, 10.25, 10.49, 10.51, 28.7])
def test_the_frequency_of_a_peak_is_that_of_its_sinusoid(frequency):
    peak, offset = nearest_peaks(tone(frequency))
    around = slice(round(frequency) - 1, round(frequency) + 2)
    assert set(peak[0, 0, around].tolist()) == {round(frequency)}
    found = (peak + offset)[0, 0, around]
    torch.testing.assert_close(found, torch.full((3,), frequency).double(), rtol=0, atol=1e-4)


def test_bins_belong_to_the_nearest_of_two_peaks():
    peak, _ = nearest_peaks(tone(8.0) + tone(20.0))
    assert peak[0, 0, :15].unique().tolist() == [8]
    assert peak[0, 0, 15:].unique().tolist() == [20]


def test_a_flat_spectrum_has_the_frequencies_of_its_bins():
    peak, offset = nearest_peaks(torch.ones(1, 1, 33).double())
    assert peak[0, 0, 1:-1].tolist() == list(range(1, 32)) and offset.abs().max() == 0


def test_a_phase_advances_by_that_of_half_a_window():
    """Half a window of N samples at f bins, of fs / N, is f / 2 periods: pi f."""
    phasors, _ = continued_phases(tone(10.25).expand(1, 5, -1))
    z = torch.view_as_complex(phasors)[0, :, 9:12]
    turned = (z[1:] / z[:-1]).angle().remainder(2 * math.pi)
    torch.testing.assert_close(turned, torch.full((4, 3), math.pi / 4).double(), rtol=0, atol=1e-3)


def test_bins_of_a_peak_alternate_in_sign_and_all_numbers_have_magnitude_one():
    z = torch.view_as_complex(continued_phases(tone(10.25).expand(1, 5, -1))[0])[0]
    torch.testing.assert_close(z[:, 10], -z[:, 9])
    torch.testing.assert_close(z[:, 10], -z[:, 11])
    torch.testing.assert_close(z.abs(), torch.ones(5, 33).double())


@pytest.mark.parametrize("frequency", [20.0, 30.3, 40.5, 60.77])
def test_a_sinusoid_comes_back_from_its_magnitudes(frequency):
    """Overlap-added under the root of a Hann window it is one sinusoid of the same level."""
    window = torch.hann_window(WINDOW).double().sqrt()
    time = torch.arange(WINDOW * 33).double()
    sound = (2 * math.pi * frequency / WINDOW * time).sin()
    magnitudes = torch.fft.rfft(sound.unfold(0, WINDOW, WINDOW // 2) * window).abs()[None]
    phasors, _ = continued_phases(magnitudes.square())
    spectrum = magnitudes * torch.view_as_complex(phasors)
    frames = torch.fft.irfft(spectrum, n=WINDOW)[0] * window
    rising, falling = frames.chunk(2, dim=-1)
    made = (rising[1:] + falling[:-1]).flatten()
    basis = torch.exp(2j * math.pi * frequency / WINDOW * time[: len(made)])
    explained = (made * basis).mean().abs() * 2
    assert explained > 0.98  # 1.5 % are lost as the signs of side lobes are ignored
    assert made.square().mean().item() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("sizes", [[1] * 9, [4, 3, 2]], ids=str)
def test_pieces_equal_the_whole(sizes):
    power = random_power(2, 9, 17)
    whole, last = continued_phases(power)
    state, pieces = None, []
    for piece in power.split(sizes, dim=1):
        phasors, state = continued_phases(piece, state)
        pieces.append(phasors)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=0, atol=1e-9)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-9)


def test_single_precision_holds_for_half_a_minute_in_one_piece():
    power = tone(20.3).expand(1, 3600, -1)
    exact, rough = continued_phases(power)[0], continued_phases(power.float())[0]
    assert (exact - rough).abs().max() < 0.05


def test_phases_have_no_gradient_and_begin_apart():
    power = random_power(1, 3, 17).requires_grad_()
    assert not continued_phases(power)[0].requires_grad
    assert start_phases(power).unique().numel() > 8
