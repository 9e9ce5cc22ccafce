import io
import sys
import types

import numpy as np
import pytest

from sr_core.io.read.source import MediaError
from sr_core.io.write.pcm import Pipe, Speaker, pcm

PIECE = np.array([[0.5, -1.0, 2.0], [0.0, 1.0, -2.0]], np.float32)


def test_samples_are_interleaved_left_first():
    assert np.frombuffer(pcm(PIECE, "f32le"), "<f4").tolist() == [0.5, 0, -1, 1, 2, -2]


def test_integers_are_clipped_at_full_scale():
    found = np.frombuffer(pcm(PIECE, "s16le"), "<i2").tolist()
    assert found == [16384, 0, -32767, 32767, 32767, -32767]


def test_a_pipe_gets_every_piece_at_once():
    file = io.BytesIO()
    pipe = Pipe(file, "s16le")
    pipe.write_audio(PIECE)
    assert len(file.getvalue()) == 12


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MediaError, match="pip install sounddevice"):
        Speaker()


def test_the_sound_card_gets_clipped_stereo_frames_and_is_let_go(monkeypatch):
    heard = []

    class OutputStream:
        def __init__(self, **settings):
            assert settings["samplerate"] == 48_000 and settings["channels"] == 2

        def write(self, samples):
            assert samples.dtype == np.float32 and samples.flags.c_contiguous
            heard.append(samples.tolist())

        def start(self):
            heard.append("start")

        def stop(self):
            heard.append("stop")

        def close(self):
            heard.append("close")

    module = types.SimpleNamespace(OutputStream=OutputStream, PortAudioError=OSError)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    speaker = Speaker()
    speaker.write_audio(PIECE)
    speaker.close()
    assert heard == ["start", [[0.5, 0], [-1, 1], [1, -1]], "stop", "close"]
