import math

import pytest
import torch

from sr_core.audio.limiter import REACH, Limiter, magnitudes, true_peak_db

BLOCK = 1600
LIMITER = Limiter(BLOCK)


def oversampled_peak_db(waveform):  # (c s); 32 times, by a padded spectrum: not the limiter's way
    quiet = torch.nn.functional.pad(waveform.double(), (4096, 4096))
    spectrum = torch.fft.rfft(quiet)
    count = quiet.shape[-1]
    spectrum[..., -1] /= 2 if count % 2 == 0 else 1
    dense = torch.fft.irfft(spectrum, n=32 * count) * 32
    return 20 * math.log10(float(dense.abs().max()))


def noise(seed, samples, gain=1.0, channels=2):
    """Normal noise up to 20 kHz; no finite interpolation follows noise at Nyquist itself."""
    white = torch.randn(1, channels, samples, generator=torch.Generator().manual_seed(seed))
    spectrum = torch.fft.rfft(white)
    spectrum[..., samples // 2 * 5 // 6 :] = 0
    return gain * torch.fft.irfft(spectrum, n=samples)


def sine(cycles_per_sample, phase, gain, samples=8000):
    x = torch.sin(2 * math.pi * (cycles_per_sample * torch.arange(samples) + phase))
    return gain * x[None, None].repeat(1, 2, 1)


LOUD = {
    "noise": noise(0, 16000, 0.7),
    "noise of 30 dB too much": noise(1, 16000, 30),
    "sine between its samples": sine(0.25, 0.125, 1.4),
    "sine of 20 kHz": sine(20 / 48, 0.3, 1.4),
    "bass": sine(0.001, 0.0, 2.0),
    "square": 2 * torch.sign(sine(0.0123, 0.0, 1.0)),
    "burst at the end of a block": torch.cat(
        [torch.zeros(1, 2, BLOCK - 3), noise(2, 2 * BLOCK + 3, 3)], dim=-1
    ),
    "block that ends at full level": torch.cat(
        [sine(0.25, 0.125, 1.2, BLOCK), torch.zeros(1, 2, BLOCK)], dim=-1
    ),
}


@pytest.mark.parametrize("name", LOUD)
def test_the_true_peak_is_at_most_one_decibel_below_full_scale(name):
    waveform = LOUD[name]
    limited, _ = LIMITER(waveform)
    assert oversampled_peak_db(waveform[0]) > 0
    assert -2 < oversampled_peak_db(limited[0]) <= -1


def test_a_peak_between_samples_is_found_though_no_sample_is_above_the_ceiling():
    waveform = sine(0.25, 0.125, 1.0)  # samples are 0.707 of the amplitude
    assert waveform.abs().max() < 10 ** (-1 / 20)
    assert true_peak_db(waveform[0]) == pytest.approx(0, abs=0.2)
    limited, _ = LIMITER(waveform)
    assert true_peak_db(limited[0]) < -1


def test_a_magnitude_is_that_from_its_sample_to_the_next():
    pulse = torch.sinc((torch.arange(100) - 40.3) / 2)[None, None]  # up to half of Nyquist
    found = magnitudes(pulse)[0]
    assert int(found.argmax()) == 40 - (REACH - 1)
    assert float(found.max()) == pytest.approx(1, abs=0.01)


def test_sound_below_the_ceiling_is_returned_unchanged():
    waveform = noise(3, 16000, 0.1)
    limited, state = LIMITER(waveform)
    assert torch.equal(limited, waveform)
    assert state.gain_db.tolist() == [0]


def test_pieces_of_any_number_of_blocks_give_the_same_sound():
    waveform = torch.cat([noise(4, 8 * BLOCK, 0.2), noise(5, 8 * BLOCK, 0.8)], dim=-1)
    whole, end = LIMITER(waveform)
    for blocks in (1, 3, 5):
        state, pieces = None, []
        for piece in waveform.split(blocks * BLOCK, dim=-1):
            limited, state = LIMITER(piece, state)
            pieces.append(limited)
        assert torch.equal(torch.cat(pieces, dim=-1), whole)
        assert all(torch.equal(a, b) for a, b in zip(state, end, strict=True))


def test_later_blocks_do_not_change_earlier_sound():
    waveform = noise(6, 4 * BLOCK, 0.8)
    other = waveform.clone()
    other[..., 2 * BLOCK :] *= 5
    same = slice(0, 2 * BLOCK)
    assert torch.equal(LIMITER(waveform)[0][..., same], LIMITER(other)[0][..., same])


def test_channels_have_one_gain_so_that_directions_stay():
    waveform = noise(7, 4 * BLOCK, 0.05)
    waveform[:, :1] *= 40
    limited, _ = LIMITER(waveform)
    left, right = (limited / waveform)[0]
    assert left.min() < 0.9
    torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-4)


def test_sounds_of_a_batch_do_not_influence_each_other():
    loud, quiet = noise(8, 4 * BLOCK, 0.8), noise(9, 4 * BLOCK, 0.1)
    both, _ = LIMITER(torch.cat([loud, quiet]))
    assert torch.equal(both[1:], quiet)
    torch.testing.assert_close(both[:1], LIMITER(loud)[0])


def test_the_gain_falls_before_a_peak_and_returns_by_30_decibels_per_second():
    waveform = torch.full((1, 1, 20 * BLOCK), 0.01)
    peak = BLOCK // 2
    waveform[..., peak : peak + 100] = 1.0
    limited, _ = LIMITER(waveform)
    gain_db = 20 * (limited / waveform)[0, 0].log10()
    lowest = float(gain_db[peak])
    assert lowest < -1 and float(gain_db[peak - 200]) == 0
    assert lowest < float(gain_db[peak - 24]) < 0  # 2 dB per ms: 1 dB in 24 samples
    assert float(gain_db[peak - 12] - gain_db[peak - 36]) == pytest.approx(-1, abs=0.02)
    assert float(gain_db[peak + 100 + 1600]) == pytest.approx(lowest + 1, abs=0.1)
    assert float(gain_db[-1]) == 0


def test_nan_passes_so_that_its_own_check_reports_it():
    waveform = noise(10, BLOCK, 0.5)
    waveform[0, 0, 7] = math.nan
    limited, _ = LIMITER(waveform)
    assert limited.isnan().any()


def test_silence_has_no_peak():
    assert true_peak_db(torch.zeros(2, 100)) == -math.inf


def test_a_block_of_one_sample_is_an_error():
    with pytest.raises(ValueError, match="got blocks of 1 samples; expected at least 2"):
        Limiter(1)
