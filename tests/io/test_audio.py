"""Sound files to the sample, and resampling without delay."""

from __future__ import annotations

import io
import math
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from sr_core.audio.torchaudio_loader import load_torchaudio
from sr_core.io.read.audio import read_audio, resample
from sr_core.io.read.source import MediaError
from sr_core.io.write.audio import write_audio


def _noise(channels, samples):
    return torch.rand(channels, samples, generator=torch.Generator().manual_seed(0)) - 0.5


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_what_is_written_is_read_to_24_bits(suffix, channels, tmp_path):
    sound = _noise(channels, 12345)
    path = write_audio(tmp_path / f"a{suffix}", (p for p in sound.split(1000, -1)), 44100)
    waveform, rate = read_audio(path)
    assert (rate, waveform.dtype, waveform.shape) == (44100, torch.float32, sound.shape)
    assert (waveform - sound).abs().max() < 2**-22


def test_one_tensor_and_memory_do_as_well(tmp_path):
    path = write_audio(tmp_path / "a.wav", _noise(2, 100), 48000)
    assert torch.equal(read_audio(io.BytesIO(path.read_bytes()))[0], read_audio(path)[0])


@pytest.mark.parametrize(("codec", "name"), [("aac", "a.m4a"), ("libopus", "a.webm")])
def test_the_delay_of_a_codec_is_taken_away(codec, name, tmp_path):
    sound = np.zeros((2, 50_000), np.float32)
    sound[:, 30_000] = 0.9
    form = "fltp" if codec == "aac" else "flt"
    options = {"movie_timescale": "48000"} if codec == "aac" else {}
    container = {"aac": "mp4", "libopus": "webm"}[codec]
    with av.open(str(tmp_path / name), "w", format=container, options=options) as output:
        stream = output.add_stream(codec, rate=48000)
        stream.codec_context.format, stream.codec_context.layout = form, "stereo"
        frame = av.AudioFrame.from_ndarray(sound, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
        output.mux([*stream.encode(frame), *stream.encode(None)])
    waveform, _ = read_audio(tmp_path / name)
    assert waveform.shape == (2, 50_000)
    assert abs(int(waveform[0].argmax()) - 30_000) <= 48


def test_loud_sound_is_clipped_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=r"\+6\.0 dBFS"):
        path = write_audio(tmp_path / "a.flac", torch.tensor([[2.0, -2.0, 0.5]]), 48000)
    assert read_audio(path)[0][0].tolist() == pytest.approx([1, -1, 0.5], abs=1e-6)


@pytest.mark.parametrize(
    ("sound", "message"),
    [
        (torch.full((1, 10), float("nan")), "NaN"),
        (torch.zeros(3, 10), "3 channels"),
        (torch.zeros(10), r"shape \(10,\)"),
        ([], "no sound at all"),
        ([torch.zeros(1, 5), torch.zeros(2, 5)], "2 channels after one of 1"),
    ],
)
def test_bad_sound_is_refused_and_leaves_no_file(sound, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_audio(tmp_path / "a.wav", sound, 48000)
    assert not list(tmp_path.iterdir())


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(MediaError, match=r"\.wav, \.flac"):
        write_audio(tmp_path / "a.mp3", torch.zeros(1, 5), 48000)


def test_a_file_without_sound_is_an_error(constant_clip, tmp_path):
    with pytest.raises(MediaError, match="has no sound"):
        read_audio(constant_clip("a.mp4", Fraction(30)))
    (tmp_path / "text.wav").write_text("no sound here, only words")
    with pytest.raises(MediaError, match="cannot be opened"):
        read_audio(tmp_path / "text.wav")


RATES = [(44100, 48000), (48000, 44100), (22050, 48000), (96000, 48000), (48000, 16000)]


@pytest.mark.parametrize(("source", "target"), RATES)
@pytest.mark.parametrize("samples", [1, 7, 1000, 44101])
def test_a_resampled_length_is_exact(source, target, samples):
    shape = resample(_noise(2, samples), source, target).shape
    assert shape == (2, math.ceil(Fraction(samples * target, source)))


@pytest.mark.parametrize(("source", "target"), RATES)
def test_resampling_neither_delays_nor_changes_a_tone(source, target):
    def tone(rate):
        return torch.sin(2 * math.pi * 440 * torch.arange(rate, dtype=torch.float64) / rate)

    result = resample(tone(source).float(), source, target).double()
    error = (result - tone(target))[target // 100 : -target // 100]
    assert error.abs().max() < 2e-3


@pytest.mark.parametrize(("source", "target"), RATES)
def test_a_click_stays_where_it_was(source, target):
    sound = torch.zeros(source)
    sound[source // 2] = 1
    assert int(resample(sound, source, target).argmax()) == target // 2


@pytest.mark.torchaudio
@pytest.mark.parametrize(("source", "target"), RATES)
def test_a_band_that_both_rates_hold_is_resampled_as_by_torchaudio(source, target):
    """FFmpeg's filter against a steep one of torchaudio: noise up to 0.35 of the lower rate."""
    spectrum = torch.fft.rfft(_noise(2, source))
    spectrum[:, :20] = spectrum[:, round(0.35 * min(source, target)) :] = 0  # bins of 1 Hz
    noise = torch.fft.irfft(spectrum, n=source)
    steep = {"lowpass_filter_width": 64, "rolloff": 0.95}
    expected = load_torchaudio().functional.resample(
        noise, source, target, resampling_method="sinc_interp_kaiser", **steep
    )
    error = (resample(noise, source, target) - expected)[:, target // 50 : -target // 50]
    assert error.abs().max() < 2e-4 * expected.std()


def test_channels_are_resampled_each_on_its_own():
    sound = _noise(6, 3000).reshape(2, 3, 3000)
    result = resample(sound, 32000, 48000)
    assert result.shape == (2, 3, 4500)
    assert torch.equal(result[1, 2], resample(sound[1, 2], 32000, 48000))


def test_the_same_rate_changes_nothing():
    sound = _noise(2, 100)
    assert torch.equal(resample(sound, 48000, 48000), sound)


@pytest.mark.parametrize("rates", [(0, 48000), (48000, -1)])
def test_a_rate_that_is_none_is_refused(rates):
    with pytest.raises(ValueError, match="rates"):
        resample(torch.zeros(10), *rates)
