"""The ears of the default head: sides, times and levels by reasoning, not by other filters."""

import math

import pytest
import torch
from safetensors import safe_open

from sr_core.spatial.binaural import FILTERS, binaural, load_filters
from sr_core.spatial.directions import unit_vector
from sr_core.spatial.encode import direction_gains, encode

RATES = (44_100, 48_000)


def noise(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def ears(degrees, rate=48_000, elevation=0.0):  # (2 s) impulse responses of a direction
    angles = torch.tensor([degrees, elevation], dtype=torch.float64).deg2rad()
    impulse = torch.zeros(1, 4, 512, dtype=torch.float64)
    impulse[0, :, 0] = direction_gains(unit_vector(*angles))
    return binaural(impulse, load_filters(rate))[0][0]


def level_db(response):
    return 10 * math.log10(float(response.square().sum()))


def lag(left, right, rate):
    """Microseconds by which the right ear hears 100 to 1500 Hz later, by cross-correlation."""
    size, dense = 4096, 16
    cross = torch.fft.rfft(right, size) * torch.fft.rfft(left, size).conj()
    frequency = torch.arange(cross.shape[-1]) * rate / size
    cross = torch.where((frequency > 100) & (frequency < 1500), cross, 0)
    best = int(torch.fft.irfft(cross, size * dense).argmax())
    best -= size * dense if best > size * dense // 2 else 0
    return best / dense / rate * 1e6


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("degrees", [30, 60, 90, 120, 150])
def test_a_source_at_the_left_is_louder_and_earlier_at_the_left_ear(degrees, rate):
    left, right = ears(degrees, rate)
    assert 4 < level_db(left) - level_db(right) < 15
    # Woodworth: 8.75 cm (a + sin a) / 343 m/s is 261 us at 30 degrees and 656 us at 90.
    assert 200 < lag(left, right, rate) < 700
    mirrored = ears(-degrees, rate)
    assert torch.allclose(mirrored.flip(0), torch.stack([left, right]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("degrees, elevation", [(0, 0), (180, 0), (0, 50), (0, -90)])
def test_the_ears_hear_the_same_in_the_middle(degrees, elevation):
    left, right = ears(degrees, elevation=elevation)
    assert torch.allclose(left, right, rtol=0, atol=1e-12)


def test_ahead_behind_and_above_differ():
    ahead, behind, above = (ears(a, elevation=e)[0] for a, e in ((0, 0), (180, 0), (0, 90)))
    for other in (behind, above):
        ratio = torch.fft.rfft(ahead).abs() / torch.fft.rfft(other).abs()
        assert (20 * ratio[11:171].log10()).square().mean().sqrt() > 3  # dB rms, 1 to 16 kHz


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_binaural_sound_is_the_convolution_of_each_channel_with_its_filter(dtype):
    field, filters = noise(2, 4, 700).to(dtype), load_filters(48_000)
    found, _ = binaural(field, filters)
    padded = torch.nn.functional.pad(field, (255, 0))
    signs = torch.tensor([[1, 1, 1, 1], [1, -1, 1, 1]])[..., None]
    expected = torch.nn.functional.conv1d(padded, (signs * filters.flip(-1)).to(dtype))
    assert found.dtype == dtype
    assert torch.allclose(found, expected, rtol=0, atol=1e-12 if dtype == torch.float64 else 2e-6)


@pytest.mark.parametrize("cuts", [(1,) * 40, (600, 1, 255, 256, 257), (3, 400)])
def test_binaural_sound_in_pieces_equals_the_whole(cuts):
    field, filters = noise(2, 4, sum(cuts)), load_filters(44_100)
    whole, _ = binaural(field, filters)
    pieces, state = [], None
    for piece in field.split(cuts, dim=-1):
        heard, state = binaural(piece, filters, state)
        pieces.append(heard)
    assert torch.allclose(torch.cat(pieces, dim=-1), whole, rtol=0, atol=1e-12)
    again = [binaural(field, filters, state)[0] for _ in range(2)]
    assert torch.equal(*again)


def test_a_source_that_passes_from_left_to_right_is_heard_to():
    azimuth = torch.linspace(90, -90, 30, dtype=torch.float64).deg2rad()
    places = unit_vector(azimuth, torch.zeros_like(azimuth))[None]
    source = noise(1, 1, 30 * 1600)
    heard, _ = binaural(encode(source, places)[0], load_filters(48_000))
    left, right = heard[0].reshape(2, 3, -1).square().mean(-1)
    ratio = 10 * (left / right).log10()
    assert ratio[0] > 5 and abs(ratio[1]) < 1 and ratio[2] < -5


def test_the_filters_of_both_rates_have_the_same_response():
    spectra = []
    for rate in RATES:
        frequency = torch.arange(0, 20_000, 250, dtype=torch.float64)
        phase = -2j * math.pi * frequency[:, None] / rate * torch.arange(256)
        spectra.append(load_filters(rate).double().to(torch.complex128) @ phase.exp().T)
    assert (spectra[0] - spectra[1]).abs().max() < 3e-4


def test_another_rate_is_refused():
    with pytest.raises(ValueError, match=r"96000 Hz; expected one of \[44100, 48000\]; resample"):
        load_filters(96_000)


def test_the_file_is_small_and_tells_its_source_and_licence():
    assert FILTERS.stat().st_size <= 100_000
    with safe_open(FILTERS, framework="pt") as file:
        metadata = file.metadata()
    assert metadata["license"] == "Apache-2.0" and "omnitone 1.3.0" in metadata["source"]
    notice = (FILTERS.parents[1] / "NOTICE.txt").read_text(encoding="utf-8")
    assert "spatial/omnitone.safetensors" in notice and "Apache License" in notice
