import pytest
import torch

from sr_core.audio.signal import check_waveform, to_stereo


def test_mono_is_heard_on_both_sides():
    mono = torch.arange(6.0).reshape(2, 1, 3)
    stereo = to_stereo(mono)
    assert stereo.shape == (2, 2, 3)
    assert torch.equal(stereo[:, 0], mono[:, 0])
    assert torch.equal(stereo[:, 1], mono[:, 0])


def test_stereo_is_left_as_it_is():
    stereo = torch.randn(1, 2, 5)
    assert torch.equal(to_stereo(stereo), stereo)


def test_surround_is_refused_with_advice():
    with pytest.raises(ValueError, match="got 6 channels.*mix the sound down"):
        to_stereo(torch.zeros(1, 6, 5))


def test_a_waveform_without_batch_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 5\); expected \(b c s\)"):
        to_stereo(torch.zeros(2, 5))


def test_a_sound_of_usual_level_has_no_warnings():
    assert check_waveform(torch.linspace(-1, 1, 100).reshape(1, 2, 50)) == []


def test_clipping_is_told_with_its_share_and_peak():
    waveform = torch.full((1, 2, 50), 0.5)
    waveform[0, 0, 0] = -2.0
    [warning] = check_waveform(waveform)
    assert "1.00% is cut off" in warning
    assert "+6.0 dB" in warning


def test_near_silence_is_told():
    assert "peak -80 dB" in check_waveform(torch.full((1, 2, 50), 1e-4))[0]
    assert "silent" in check_waveform(torch.zeros(2, 50))[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("shape", [(1, 2, 50), (50,)])
def test_a_sample_that_is_not_finite_is_refused_with_its_place(value, shape):
    waveform = torch.zeros(shape)
    waveform[..., 7] = value
    with pytest.raises(ValueError, match="not finite, the first at sample 7"):
        check_waveform(waveform)


def test_an_empty_waveform_is_refused():
    with pytest.raises(ValueError, match="at least one sample"):
        check_waveform(torch.zeros(1, 2, 0))
