"""A sound that is written while it is made."""

from __future__ import annotations

import gc
import struct

import av
import numpy as np
import pytest
import torch

from sr_core.io.live.growing_wav import HEADER, GrowingWav, header
from sr_core.io.read.audio import read_audio


@pytest.fixture
def sound() -> torch.Tensor:
    return torch.randn(2, 5000, generator=torch.Generator().manual_seed(0))


def test_pieces_become_one_file_that_others_read_as_it_was(tmp_path, sound):
    recording = GrowingWav(tmp_path / "a.wav", 48000, 5000)
    for piece in sound.split([1, 1600, 3399], dim=1):
        recording.add(piece)
    recording.close()
    waveform, rate = read_audio(tmp_path / "a.wav")
    assert rate == 48000 and torch.equal(waveform, sound)
    assert torch.equal(recording.waveform()[0], sound)


def test_samples_can_be_read_as_soon_as_they_are_added(tmp_path, sound):
    recording = GrowingWav(tmp_path / "a.wav", 48000, 5000)
    for made in (1600, 3200):
        recording.add(sound[:, made - 1600 : made])
        read = np.fromfile(tmp_path / "a.wav", np.float32, offset=HEADER).reshape(-1, 2).T
        assert np.array_equal(read, sound[:, :made].numpy())


def test_more_than_was_promised_is_cut_off(tmp_path, sound):
    recording = GrowingWav(tmp_path / "a.wav", 48000, 3000)
    assert [recording.add(piece) for piece in sound.split(2000, dim=1)] == [2000, 1000, 0]
    recording.close()
    assert torch.equal(recording.waveform()[0], sound[:, :3000])


def test_a_sound_that_ends_early_says_how_long_it_is(tmp_path, sound):
    recording = GrowingWav(tmp_path / "a.wav", 48000, 10**9)
    recording.add(sound)
    recording.close()
    with av.open(str(tmp_path / "a.wav")) as container:
        assert container.streams.audio[0].duration == 5000


def test_an_unfinished_file_can_be_played_too(tmp_path, sound):
    recording = GrowingWav(tmp_path / "a.wav", 48000, 10**6)
    recording.add(sound)
    assert torch.equal(read_audio(tmp_path / "a.wav")[0], sound)


@pytest.mark.parametrize("samples", [0, 10, 2**29 - 17, 2**29, 2**40])
def test_a_header_counts_any_length(samples):
    data = header(48000, 2, samples)
    assert len(data) == HEADER
    riff, size, _, kind, _, *sizes = struct.unpack("<4sI4s4sIQQQ", data[:44])
    assert sizes == [HEADER - 8 + 8 * samples, 8 * samples, samples]
    large = samples >= 2**29 - 16  # 4 GB of stereo
    assert (riff, kind) == ((b"RF64", b"ds64") if large else (b"RIFF", b"JUNK"))
    assert size == (0xFFFFFFFF if large else sizes[0])


def test_a_large_header_is_understood(tmp_path):
    """A sparse file: six hours of silence that take no room."""
    samples = 6 * 3600 * 48000
    path = tmp_path / "long.wav"
    path.write_bytes(header(48000, 2, samples))
    with open(path, "r+b") as file:
        file.truncate(HEADER + 8 * samples)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].duration == samples


def test_the_file_lives_as_long_as_the_sound(tmp_path, sound):
    path = tmp_path / "a.wav"
    recording = GrowingWav(path, 48000, 5000)
    recording.add(sound)
    recording.close()
    part = recording.waveform()[..., :10]
    del recording
    gc.collect()
    assert path.exists()
    del part
    gc.collect()
    assert not path.exists()
