"""Four channels come back as W, Y, Z, X from every format, and others know what they are."""

from __future__ import annotations

import json
import math
import shutil
import struct
import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from sr_core.io.read.ambisonics import Ambisonics, ambisonics_of, box_of, parse
from sr_core.io.read.boxes import Box, movie_in
from sr_core.io.read.foa import read_foa
from sr_core.io.read.source import MediaError
from sr_core.io.read.spherical import projection_in
from sr_core.io.write.audio import write_audio
from sr_core.io.write.movie import edit_movie
from sr_core.io.write.mux import mux
from sr_core.spatial.conventions import convert
from sr_core.spatial.directions import unit_vector
from sr_core.spatial.projection import Projection

TONES = (400, 700, 1100, 1700, 2300, 2900)  # Hz, of W, Y, Z, X, and of stereo beside them
VIDEOS = [".mp4", ".mov", ".mkv", ".webm"]
SECONDS, RATE = 1, 48_000
ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs ffprobe")


def tones(channels=4, seconds=SECONDS):  # -> (c s)
    time = torch.arange(RATE * seconds, dtype=torch.float64) / RATE
    frequencies = torch.tensor(TONES[:channels], dtype=torch.float64)
    return (0.3 * (2 * math.pi * frequencies[:, None] * time).sin()).float()


def heard(waveform):  # (c s) -> the loudest frequency of each channel
    half = waveform.double()[:, RATE // 4 : RATE * 3 // 4]
    spectra = torch.fft.rfft(half * torch.hann_window(half.shape[1])).abs()
    return tuple((spectra.argmax(1) * 2).tolist())


@pytest.fixture
def panorama(make_clip):
    """A clip of a second of an equirectangular picture; H.264, or VP9 for WebM."""

    def make(suffix=".mp4"):
        codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
        return make_clip(f"in{suffix}", range(30), Fraction(1, 30), size=(64, 32), codec=codec)

    return make


def packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("suffix", VIDEOS)
def test_tones_come_back_in_order_and_as_what_they_are(panorama, tmp_path, suffix):
    source = panorama(suffix)
    target = tmp_path / f"out{suffix}"
    written = mux(source, tones(), target, channels=4, ambisonic=True, projection=Projection())
    sound, rate = read_foa(written, "fuma")  # ignored: the file states what it is
    assert rate == RATE and sound.head_locked is None
    assert heard(sound.foa[0]) == TONES[:4]
    assert sound.foa.shape[-1] == RATE * SECONDS
    assert float((sound.foa[0] - tones())[:, 2000:-2000].abs().max()) < 0.02
    assert packets(written) == packets(source)
    assert projection_in(written) == Projection()


@pytest.mark.parametrize("suffix", [".mov", ".mkv", ".webm"])
def test_head_locked_stereo_comes_back_beside_the_field(panorama, tmp_path, suffix):
    target = tmp_path / f"out{suffix}"
    written = mux(panorama(suffix), tones(6), target, channels=6, ambisonic=True)
    sound, _ = read_foa(written)
    assert heard(sound.foa[0]) == TONES[:4] and heard(sound.head_locked[0]) == TONES[4:]


def test_six_channels_are_refused_in_mp4_and_other_numbers_everywhere(panorama, tmp_path):
    with pytest.raises(MediaError, match="write to .mov, .mkv or .webm"):
        mux(panorama(), tones(6), tmp_path / "out.mp4", channels=6, ambisonic=True)
    with pytest.raises(ValueError, match="got Ambisonics of 2 channels"):
        mux(panorama(), tones(2), tmp_path / "out.mp4", channels=2, ambisonic=True)
    with pytest.raises(ValueError, match="got Ambisonics of 2 channels"):
        write_audio(tmp_path / "out.wav", tones(2), RATE, ambisonic=True)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@ffprobe
@pytest.mark.parametrize("suffix", VIDEOS)
def test_ffprobe_reads_an_equirectangular_picture_with_ambisonics(panorama, tmp_path, suffix):
    """FFmpeg's decoder of AAC replaces what SA3D says by its own channel configuration, 4.0."""
    target = tmp_path / f"out{suffix}"
    mux(panorama(suffix), tones(), target, channels=4, ambisonic=True, projection=Projection())
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(target)]
    ran = subprocess.run(command, capture_output=True, check=True)
    picture, sound = json.loads(ran.stdout)["streams"]
    spheres = [data for data in picture["side_data_list"] if "projection" in data]
    assert [data["projection"] for data in spheres] == ["equirectangular"]
    assert sound["channels"] == 4
    assert sound["channel_layout"] == ("4.0" if suffix == ".mp4" else "ambisonic 1")
    assert ran.stderr == b""


def test_mp4_has_channel_configuration_4_and_sa3d_of_36_bytes(panorama, tmp_path):
    """The bytes of the RFC: size, name, version, type, order, ACN, SN3D, 4 channels, the map."""
    written = mux(panorama(), tones(), tmp_path / "out.mp4", channels=4, ambisonic=True)
    tracks = list(movie_in(written).moov.every(b"trak"))
    entry = tracks[1].first(b"mdia", b"minf", b"stbl", b"stsd").boxes[0]
    expected = struct.pack(">I4sBBIBBI4I", 36, b"SA3D", 0, 0, 1, 0, 0, 4, 0, 1, 2, 3)
    assert bytes(entry.first(b"SA3D")) == expected
    config = entry.first(b"esds").fields.partition(b"\x05\x80\x80\x80")[2][1:3]
    assert int.from_bytes(config, "big") >> 3 & 15 == 4  # after 5 bits of type, 4 of rate


def test_mov_names_no_speakers(panorama, tmp_path):
    written = mux(panorama(), tones(), tmp_path / "out.mov", channels=4, ambisonic=True)
    tracks = list(movie_in(written).moov.every(b"trak"))
    entry = tracks[1].first(b"mdia", b"minf", b"stbl", b"stsd").boxes[0]
    assert entry.kind == b"in24" and entry.first(b"chan") is None and entry.first(b"SA3D")


@pytest.mark.parametrize("channels", [4, 6])
@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_sound_files_are_exact(tmp_path, name, channels):
    path = write_audio(tmp_path / name, tones(channels), RATE, ambisonic=True)
    sound, rate = read_foa(path)
    both = torch.cat([sound.foa, sound.head_locked], 1) if channels == 6 else sound.foa
    assert rate == RATE and float((both[0] - tones(channels)).abs().max()) < 2**-22


def test_a_wav_names_no_speakers(tmp_path):
    data = write_audio(tmp_path / "a.wav", tones(), RATE, ambisonic=True).read_bytes()
    chunk = data.index(b"fmt ") + 8
    tag, channels = struct.unpack_from("<HH", data, chunk)
    assert (tag, channels, struct.unpack_from("<I", data, chunk + 20)[0]) == (0xFFFE, 4, 0)


@pytest.mark.parametrize("convention", ["ambix", "n3d", "wxyz", "fuma"])
def test_files_that_state_nothing_are_read_in_the_convention_that_is_named(tmp_path, convention):
    stored = convert(tones()[None], "ambix", convention)[0]
    path = write_audio(tmp_path / "a.wav", stored * 0.5, RATE)
    sound, _ = read_foa(path, convention)
    assert float((sound.foa[0] - tones() * 0.5).abs().max()) < 2**-21


def test_other_files_are_refused(tmp_path):
    stereo = write_audio(tmp_path / "a.wav", tones(2), RATE)
    with pytest.raises(MediaError, match="has 2 channels; expected 4"):
        read_foa(stereo)
    six = write_audio(tmp_path / "b.wav", tones(6), RATE)
    with pytest.raises(MediaError, match="only AmbiX has head-locked stereo"):
        read_foa(six, "fuma")
    with pytest.raises(ValueError, match="got convention 'acn'"):
        read_foa(write_audio(tmp_path / "c.wav", tones(), RATE), "acn")


def test_the_map_of_a_file_puts_its_channels_into_order(panorama, tmp_path):
    """The RFC's example: W, X, Y, Z in the file are the components 0, 3, 1, 2."""
    stored = tones()[[0, 3, 1, 2]]
    written = mux(panorama(), stored, tmp_path / "out.mov", channels=4, ambisonic=True)

    def reordered(moov: Box) -> None:
        entry = list(moov.every(b"trak"))[1].first(b"mdia", b"minf", b"stbl", b"stsd").boxes[0]
        entry.boxes = [*entry.boxes[:-1], box_of(Ambisonics((0, 3, 1, 2)))]

    edit_movie(written, reordered)
    assert ambisonics_of(written, 0, "") == Ambisonics((0, 3, 1, 2))
    assert heard(read_foa(written)[0].foa[0]) == TONES[:4]


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        struct.pack(">BBIBBI4I", 1, 0, 1, 0, 0, 4, 0, 1, 2, 3),  # version
        struct.pack(">BBIBBI4I", 0, 1, 1, 0, 0, 4, 0, 1, 2, 3),  # type
        struct.pack(">BBIBBI9I", 0, 0, 2, 0, 0, 9, *range(9)),  # second order
        struct.pack(">BBIBBI4I", 0, 0, 1, 1, 0, 4, 0, 1, 2, 3),  # channel order
        struct.pack(">BBIBBI4I", 0, 0, 1, 0, 1, 4, 0, 1, 2, 3),  # gains
        struct.pack(">BBIBBI4I", 0, 0, 1, 0, 0, 4, 0, 1, 2, 2),  # a component twice
        struct.pack(">BBIBBI3I", 0, 0, 1, 0, 0, 4, 0, 1, 2),  # cut
        struct.pack(">BBIBBI4I", 0, 128, 1, 0, 0, 4, 0, 1, 2, 3),  # stereo is missing
    ],
)
def test_boxes_of_other_fields_state_nothing(fields):
    assert parse(Box(b"SA3D", fields)) is None


def test_a_box_comes_back_with_head_locked_stereo():
    both = Ambisonics((4, 5, 0, 1, 2, 3))
    assert parse(box_of(both)) == both and both.head_locked


@pytest.mark.parametrize(("suffix", "degrees"), [(".mov", 0.05), (".mkv", 1.0), (".mp4", 1.0)])
def test_coding_keeps_the_direction_of_noise_in_every_band(panorama, tmp_path, suffix, degrees):
    """Active intensity, W times X, Y, Z, of pink noise from azimuth 60 and elevation 20 degrees."""
    aim = unit_vector(*torch.tensor([60.0, 20.0], dtype=torch.float64).deg2rad())
    gains = torch.cat([torch.ones(1), aim[[1, 2, 0]].float()])
    spectrum = torch.fft.rfft(torch.from_numpy(np.random.default_rng(1).normal(size=RATE)))
    pink = torch.fft.irfft(spectrum / torch.arange(len(spectrum)).clamp(50).sqrt())
    field = gains[:, None] * (0.1 * pink / pink.std()).float()
    written = mux(panorama(), field, tmp_path / f"out{suffix}", channels=4, ambisonic=True)
    found = torch.stft(
        read_foa(written)[0].foa[0].double(), 2048, window=torch.hann_window(2048).double(),
        return_complex=True,
    )  # fmt: skip
    for low, high in ((200, 1500), (1500, 6000), (6000, 12_000), (12_000, 16_000)):
        band = found[:, low * 2048 // RATE : high * 2048 // RATE]
        intensity = (band[0].conj() * band[[3, 1, 2]]).real.sum(1)  # (3 frames): x, y, z
        cosine = (intensity * aim[:, None]).sum(0) / intensity.norm(dim=0)
        assert float(cosine.clamp(-1, 1).acos().rad2deg()[2:-2].mean()) < degrees, (low, high)
