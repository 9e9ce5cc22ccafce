import cmath
import math

import pytest
import torch

from sr_core.evaluation.metrics.loudness import (
    envelope_correlation,
    level_db,
    loudness_envelope,
    loudness_lufs,
    silent_share,
)

from ..conftest import bursts


def test_levels_are_relative_to_full_scale():
    assert level_db(torch.ones(2, 100)) == pytest.approx(0)
    assert level_db(torch.full((2, 100), 0.1)) == pytest.approx(-20, abs=1e-4)
    assert level_db(torch.zeros(2, 100)) == pytest.approx(-80)


def test_envelopes_agree_with_themselves_at_any_gain_and_turn_over():
    envelope = loudness_envelope(bursts([0.5, 1.0, 1.6], 2.0))
    assert envelope.shape == (60,)
    assert envelope_correlation(envelope + 6, envelope) == pytest.approx(1)
    assert envelope_correlation(-envelope, envelope) == pytest.approx(-1)


def test_a_constant_sound_follows_nothing_and_a_constant_reference_says_nothing():
    envelope = loudness_envelope(bursts([0.5], 1.0))
    assert envelope_correlation(torch.full((30,), -20.0), envelope) == 0
    assert envelope_correlation(envelope, torch.full((30,), -20.0)) is None


def test_frames_below_55_db_under_full_scale_are_silent_whichever_channel_sounds():
    frames = torch.tensor([-20.0, -54.9, -55.1, -90.0])
    left = (10 ** (frames / 20)).repeat_interleave(1600)
    assert silent_share(loudness_envelope(left.repeat(2, 1))) == 0.5
    one_channel = torch.stack([left, torch.zeros_like(left)])  # 3 dB less power in the mean
    assert silent_share(loudness_envelope(one_channel)) == 0.75
    assert silent_share(loudness_envelope(torch.zeros(2, 100))) == 0


SHELF = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (1, -1.69065929318241, 0.73248077421585),
)
HIGH_PASS = (1, -2, 1), (1, -1.99004745483398, 0.99007225036621)


def k_weighting_db(hertz):
    """Gain of the two filters of ITU-R BS.1770-4, tables 1 and 2, at 48 kHz."""
    delay = cmath.exp(-2j * math.pi * hertz / 48_000)
    sums = [
        [sum(c * delay**n for n, c in enumerate(side)) for side in f] for f in (SHELF, HIGH_PASS)
    ]
    return 20 * math.log10(math.prod(abs(top / bottom) for top, bottom in sums))


def tone(hertz, *parts):
    """A sine (s) of successive peaks (dB of full scale) and seconds."""
    sines = []
    for level, seconds in parts:
        time = torch.arange(round(seconds * 48_000), dtype=torch.float64) / 48_000
        sines.append(10 ** (level / 20) * torch.sin(2 * math.pi * hertz * time))
    return torch.cat(sines).float()


@pytest.mark.torchaudio
@pytest.mark.parametrize("hertz", [38, 100, 997, 3000, 10_000])
@pytest.mark.parametrize("level", [0, -20])
def test_the_loudness_of_a_sine_is_that_of_bs_1770(hertz, level):
    """-0.691 + 10 log10 of the filtered power, ITU-R BS.1770-4, eq. 2; 997 Hz at 0 dB: -3.01."""
    expected = -0.691 + level - 10 * math.log10(2) + k_weighting_db(hertz)
    assert loudness_lufs(tone(hertz, (level, 3))[None]) == pytest.approx(expected, abs=0.05)


@pytest.mark.torchaudio
@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(-23, 20)], -23),
        ([(-36, 10), (-23, 60), (-36, 10)], -23),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23),
    ],
)
def test_loudness_passes_ebu_tech_3341(parts, expected):
    """Test signals 1, 3, 4 and 5: a stereo sine of 1 kHz, to be met within 0.1 LU."""
    stereo = tone(1000, *parts).repeat(2, 1)
    assert loudness_lufs(stereo) == pytest.approx(expected, abs=0.1)


@pytest.mark.torchaudio
def test_a_gain_moves_the_loudness_also_beyond_full_scale():
    noise = torch.randn(2, 48_000, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    soft = loudness_lufs(noise / 100)
    assert loudness_lufs(noise) - soft == pytest.approx(40, abs=1e-3)
    assert loudness_lufs(10 * noise) - soft == pytest.approx(60, abs=1e-3)


@pytest.mark.torchaudio
def test_silence_and_less_than_a_block_of_400_ms_have_no_loudness():
    noise = bursts([0.1], 0.5)
    assert loudness_lufs(noise[:, :19_200]) is not None
    assert loudness_lufs(noise[:, :19_199]) is None
    assert loudness_lufs(torch.zeros(2, 48_000)) is None
    assert loudness_lufs(1e-5 * noise) is None
