"""Sound of any number of channels: what would kill the process is done in another one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from sr_core.io.read.audio import read_audio
from sr_core.io.read.channel_layout import Planar, settle_order

ROOT = Path(__file__).parents[3]
MEDIA = ROOT / "tests" / "media"
READ = """
import gc, sys
from fractions import Fraction
from sr_core.io.read.audio import read_audio
from sr_core.io.read.source_audio import SourceAudio

for _ in range(3):
    waveform, rate = read_audio(sys.argv[1])
    old = SourceAudio(sys.argv[1], Fraction(0))
    mixed = old.read(48000)
    old.close()
    gc.collect()
print(*waveform.shape, rate, abs(mixed).max() > 0.01)
"""


def read_elsewhere(path: Path) -> str:
    command = [sys.executable, "-c", READ, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fl_7.1.mkv", "8 96000 48000 True"),
        ("aac_7.1.mp4", "8 96000 48000 True"),
        ("sm_7.1.mov", "8 11025 44100 True"),
    ],
)
def test_eight_channels_are_read_and_mixed_and_the_process_lives(name, expected):
    assert read_elsewhere(MEDIA / name) == expected


@pytest.mark.parametrize("layout", ["7.1", "hexadecagonal", "11 channels"])
@pytest.mark.parametrize("form", ["fltp", "s16p", "s32"])
def test_every_channel_comes_out_as_it_went_in(layout, form):
    channels = av.AudioLayout(layout).nb_channels
    levels = (np.arange(channels, dtype=np.float32) + 1) / 32
    packed = np.tile(levels, 100)[None]
    frame = av.AudioFrame.from_ndarray(packed, "flt", layout)
    frame.sample_rate = 48000
    (frame,) = av.AudioResampler(form, layout, 48000).resample(frame)
    (wave,) = Planar()(frame)
    assert wave.shape == (channels, 100)
    np.testing.assert_allclose(wave, np.repeat(levels[:, None], 100, axis=1), atol=1e-4)


def test_seven_one_is_mixed_by_the_layouts_own_weights():
    levels = np.zeros(8, np.float32)
    levels[:3] = 0.1, 0.2, 0.3  # front left, right, centre
    levels[3] = 0.9  # low frequency effects: not in FFmpeg's mix
    frame = av.AudioFrame.from_ndarray(np.tile(levels, 100)[None], "flt", "7.1")
    frame.sample_rate = 48000
    (wave,) = Planar(stereo=True)(frame)
    half = 0.5**0.5
    np.testing.assert_allclose(wave[:, 50], [0.1 + 0.3 * half, 0.2 + 0.3 * half], atol=1e-5)


def test_an_order_of_its_own_is_put_right():
    with av.open(str(MEDIA / "sm_7.1.mov")) as container:
        order = settle_order(container.streams.audio[0], "sm_7.1.mov")
        # The file has FL FR FC LFE SL SR BL BR, 7.1 is FL FR FC LFE BL BR SL SR.
        assert order == [0, 1, 2, 3, 6, 7, 4, 5]
        assert container.streams.audio[0].codec_context.layout.name == "7.1"
    frame = av.AudioFrame.from_ndarray(np.tile(np.arange(8, dtype=np.int16), 9)[None], "s16", "7.1")
    frame.sample_rate = 48000
    (wave,) = Planar(order)(frame)
    assert (wave[:, 0] * 2**15).round().tolist() == [0, 1, 2, 3, 6, 7, 4, 5]


def test_ambisonics_is_read_and_has_no_mix():
    frame = av.AudioFrame.from_ndarray(np.ones((1, 400), np.float32), "flt", "ambisonic 1")
    frame.sample_rate = 48000
    assert next(Planar()(frame)).shape == (4, 100)
    with pytest.raises(ValueError):
        next(Planar(stereo=True)(frame))


@pytest.mark.parametrize("name", ["layout_change.ts", "layout_change2.ts"])
def test_a_layout_that_changes_in_mid_stream_is_mixed_as_it_goes(name):
    waveform, rate = read_audio(MEDIA / name, stereo=True)
    assert waveform.shape[0] == 2 and waveform.shape[1] > rate
    for half in waveform.abs().chunk(2, dim=1):  # one layout each, with a burst in its middle
        assert (half.amax(dim=1) > 0.9).all()


def test_only_one_place_decodes_sound():
    users = [
        path.relative_to(ROOT).as_posix()
        for folder in ("sr_core", "nodes")
        for path in (ROOT / folder).rglob("*.py")
        if "AudioResampler(" in (text := path.read_text(encoding="utf-8")) or ".planes" in text
    ]
    # audio.py and old_sound.py resample what was decoded; trial.py compares pictures.
    assert sorted(users) == [
        "sr_core/io/read/audio.py",
        "sr_core/io/read/channel_layout.py",
        "sr_core/io/read/source_audio.py",
        "sr_core/io/write/trial.py",
    ]
