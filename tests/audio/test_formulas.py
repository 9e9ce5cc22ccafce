"""The spectral codec and its helpers beside their formulas."""

import math

import pytest
import torch
from torch.nn import functional as F

from sr_core.audio.convnext import Block
from sr_core.audio.mel import mel_bank
from sr_core.audio.signal import Meter
from sr_core.audio.spectral import Decoder, Encoder, RenderState, SpectralConfig
from sr_core.audio.spectrum import mix, phases

TINY = SpectralConfig(
    latent_channels=3, window=16, fold=2, width=8, kernel=3, encoder_blocks=2, decoder_blocks=2
)


def random(*shape: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def filled(module):
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.4)
    return module.double().requires_grad_(False)


def through(x, linear):
    return x @ linear.weight.T + linear.bias


def test_a_block_is_convnexts():
    """x + down(gelu(up(norm(depthwise x)))) (arXiv 2201.03545, fig. 4), over this and the past."""
    block, x = filled(Block(TINY.width, TINY.expansion, TINY.kernel)), random(2, 5, 8)
    padded = F.pad(x.mT, (2, 0))
    y = F.conv1d(padded, block.depthwise.weight, block.depthwise.bias, groups=8).mT
    y = F.layer_norm(y, (8,), block.norm.weight, block.norm.bias)
    hidden = F.gelu(through(y, block.up))
    assert hidden.shape[-1] == 3 * 8
    torch.testing.assert_close(block(x)[0], x + through(hidden, block.down))


def test_what_is_analysed_are_log_magnitudes_of_left_right_mid_and_side():
    """0.3 ln|X| + 1, of Hann windows half a window apart, the first half of zeros."""
    encoder, waveform = filled(Encoder(TINY)), random(2, 2, 48)
    features, past = encoder.analyse(waveform)
    padded = F.pad(waveform, (8, 0))
    window = 0.5 - 0.5 * torch.cos(2 * math.pi * torch.arange(16).double() / 16)
    left, right = padded.unbind(dim=1)
    for t in range(6):
        four = (left, right, (left + right) / 2, (left - right) / 2)
        for channel, sound in enumerate(four):
            spectrum = torch.fft.rfft(sound[:, 8 * t : 8 * t + 16] * window)
            logs = 0.3 * (spectrum.abs().square() + 1e-8).sqrt().log() + 1
            torch.testing.assert_close(features[:, t, 9 * channel : 9 * channel + 9], logs)
    assert torch.equal(past, waveform[..., -8:])


def test_moments_are_a_normed_map_of_the_frames_of_a_latent():
    encoder, features = filled(Encoder(TINY)), random(2, 6, 36)
    x = through(features, encoder.embed)
    for block in encoder.blocks:
        x = block(x)[0]
    folded = x.reshape(2, 3, 16)
    normed = F.layer_norm(folded, (16,), encoder.norm.weight, encoder.norm.bias)
    torch.testing.assert_close(encoder.moments(features)[0], through(normed, encoder.out))


def test_predictions_are_a_map_of_normed_features():
    decoder, latents = filled(Decoder(TINY)), random(2, 3, 3)
    x = through(latents, decoder.embed).reshape(2, 6, 8)
    for block in decoder.blocks:
        x = block(x)[0]
    x = F.layer_norm(x, (8,), decoder.norm.weight, decoder.norm.bias)
    torch.testing.assert_close(decoder.predict(latents)[0], through(x, decoder.head))


def test_a_spectrum_is_a_size_times_a_number_and_two_noises():
    """z e^min(s, 8) + e^min(p - 3, 6) n1 +- e^min(o - 3, 6) n2, of left and right."""
    x, noise = random(1, 1, 9 * 4), random(1, 1, 2, 4, 2)
    x[..., 0], x[..., 9 * 4 - 1], x[..., 6 * 4] = 9.0, 12.0, 11.0
    size, real, imaginary, panned, opposed = x.view(9, 4).split([2, 2, 2, 2, 1])
    n1, n2 = (torch.view_as_complex(n.contiguous()) for n in noise[0, 0])
    for channel, sign in ((0, 1), (1, -1)):
        plain = torch.complex(real[channel], imaginary[channel]) * size[channel].clamp(max=8).exp()
        noisy = plain + (panned[channel] - 3).clamp(max=6).exp() * n1
        noisy = noisy + sign * (opposed[0] - 3).clamp(max=6).exp() * n2
        for given, expected in ((noise, noisy), (None, plain)):
            found = torch.view_as_complex(mix(x, given)[0, 0, channel].contiguous())
            torch.testing.assert_close(found, expected)


def test_what_is_rendered_is_overlapped_and_added():
    """Inverse transforms under the root of a Hann window, each half a window after the last."""
    decoder, x = filled(Decoder(TINY)), random(1, 5, 9 * 9)
    tail = random(1, 2, 8, seed=3)
    spectrum = torch.view_as_complex(mix(x, None))
    window = (0.5 - 0.5 * torch.cos(2 * math.pi * torch.arange(16).double() / 16)).sqrt()
    expected = torch.zeros(1, 2, 8 * 6, dtype=torch.float64)
    expected[..., :8] = tail
    for t in range(5):
        expected[..., 8 * t : 8 * t + 16] += torch.fft.irfft(spectrum[:, t], n=16) * window
    waveform, after = decoder.render(x, None, state=RenderState(tail))
    torch.testing.assert_close(waveform, expected[..., :40])
    torch.testing.assert_close(after.tail, expected[..., 40:])


def test_phases_turn_once_from_zero_to_one():
    found = phases(torch.tensor([0.0, 0.25, 0.5]))
    root = math.sqrt(2)
    expected = torch.tensor([[root, 0.0], [0.0, root], [-root, 0.0]])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_a_latents_noise_is_drawn_by_its_place():
    decoder = Decoder(TINY)
    turns = torch.rand(2, 2, 9, generator=torch.Generator().manual_seed(7))
    assert torch.equal(decoder.noise(7), phases(turns))
    _, state = decoder(random(1, 3, 4).float())
    assert state.position == 4 and decoder(random(1, 3, 2).float(), state)[1].position == 6


@pytest.mark.torchaudio
def test_mel_bands_are_triangles_evenly_spaced_in_mel():
    """2595 log10(1 + f / 700) from 40 Hz to 16 kHz; 1 at a centre, 0 at the next."""
    mel_bank.cache_clear()
    points, bands, rate = 2400, 10, 48_000  # bins are 20 Hz apart
    bank = mel_bank(points, bands, rate)
    low, high = (2595 * math.log10(1 + f / 700) for f in (40.0, 16_000.0))
    corners = [700 * (10 ** ((low + i * (high - low) / 11) / 2595) - 1) for i in range(12)]
    assert bank.shape == (10, 1201)
    for band in range(10):
        below, centre, above = corners[band : band + 3]
        for place in range(1201):
            f = 20.0 * place
            height = max(0.0, min((f - below) / (centre - below), (above - f) / (above - centre)))
            assert bank[band, place].item() == pytest.approx(height, abs=1e-3)


def test_a_meter_counts_only_what_is_beyond_full_scale():
    meter = Meter()
    meter.add(torch.tensor([1.0, -1.0, 0.5]))
    assert meter.complaints() == [] and meter.clipped == 0
    meter.add(torch.tensor([1.5, -2.0]))
    assert (meter.clipped, meter.samples, meter.peak) == (2, 5, 2.0)
    assert "40.00% is cut off, peak +6.0 dB" in meter.complaints()[0]
    meter.add(torch.zeros(0))  # a piece without a sample
    meter.add(torch.tensor([1.0, 3.0, 0.0, 0.0, 0.0]))
    assert (meter.clipped, meter.samples, meter.peak) == (3, 10, 3.0)


def test_a_meter_of_nothing_knows_no_peak():
    meter = Meter()
    meter.add(torch.zeros(2, 0))
    assert (meter.peak, meter.samples, meter.clipping()) == (0.0, 0, [])


def test_next_to_silent_begins_below_a_thousandth():
    for peak, silent in ((0.00101, False), (0.00099, True), (0.0, True)):
        meter = Meter()
        meter.add(torch.tensor([peak]))
        assert bool(meter.complaints()) is silent
