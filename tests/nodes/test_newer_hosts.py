"""What ComfyUI after 0.3.64 hands to nodes, in classes of the shapes that it has there.

VIDEO of a file may be trimmed (0.14; `get_active_trim_window` since 0.23) or cropped, VIDEO may be
none of the two classes that older hosts have, and IMAGE and AUDIO may be float16 (0.18).
"""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO

import av
import pytest
import torch

NONE = "none.mp4 [temp]"
MUXER = {"container": "mkv", "filename_prefix": "video/newer", "gain_db": 0.0, "old_gain_db": 0.0}


@pytest.fixture
def shown(pack, write_video, tmp_path):
    """`shown(0.14, ...)`: a VIDEO of half a second that shows a quarter of it, or a part of it."""
    whole = write_video(str(tmp_path / "whole.mp4"))

    class Trimmed(pack.stub.VideoFromFile):  # 0.14 to 0.22
        def __init__(self, file, start=0.0, seconds=0.0, size=(64, 48)):
            super().__init__(file)
            self.start, self.seconds, self.size = start, seconds, size

        def get_duration(self):
            return self.seconds or super().get_duration() - self.start

        def get_dimensions(self):
            return self.size

        def as_trimmed(self, start_time=0.0, duration=0.0, strict_duration=True):
            return type(self)(self.file, start_time, duration)

        def save_to(self, path, format="auto", codec="auto", metadata=None):
            write_video(path, round(self.get_duration() * 24), self.size)

    class WithWindow(Trimmed):  # since 0.23
        def get_active_trim_window(self):
            return self.start, self.seconds

    kinds = {"0.14": Trimmed, "0.23": WithWindow}
    return lambda version, **cut: kinds[version](whole, **cut)


@pytest.mark.parametrize("version", ["0.14", "0.23"])
@pytest.mark.parametrize("cut", [{"start": 0.25}, {"seconds": 0.25}], ids=["start", "end"])
def test_a_trimmed_video_is_read_as_it_was_trimmed(run, shown, version, cut):
    frames, video, seconds = run("LoadFrames", file=NONE, video=shown(version, **cut)).args
    assert (seconds, frames.count) == (0.25, 8)
    assert isinstance(video.get_stream_source(), BytesIO)
    assert video.get_stream_source() is frames.source


def test_a_cropped_video_is_read_as_it_was_cropped(run, shown):
    frames = run("LoadFrames", file=NONE, video=shown("0.23", size=(32, 48)))[0]
    assert (frames.width, frames.height, frames.count) == (32, 48, 15)


@pytest.mark.parametrize("version", ["0.14", "0.23"])
def test_a_video_that_shows_its_whole_file_is_not_written_again(run, shown, version):
    clip = shown(version)
    frames, video, _ = run("LoadFrames", file=NONE, video=clip).args
    assert video is clip and frames.source == clip.file


def test_a_video_of_an_unknown_kind_is_what_it_would_save(run, write_video, tmp_path):
    class VideoFromList:  # its source is the first of its files alone
        def get_stream_source(self):
            return write_video(str(tmp_path / "first.mp4"))

        def save_to(self, path, format="auto", codec="auto", metadata=None):
            write_video(path, frames=24)

    frames, _, seconds = run("LoadFrames", file=NONE, video=VideoFromList()).args
    assert (seconds, frames.count) == (1.0, 30)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_images_and_sound_in_half_precision_are_as_good(run, pack, parts, kind):
    images = torch.rand(6, 16, 16, 3, generator=torch.Generator().manual_seed(1))
    wave = torch.rand(1, 2, 12000) - 0.5
    frames = [
        run("LoadFrames", file=NONE, images=values, fps=24.0)[0]
        for values in (images.to(kind), images)
    ]
    first, second = (torch.cat(list(f.pieces())).int() for f in frames)
    assert (first - second).abs().max() <= 1
    audio = {"waveform": wave.to(kind), "sample_rate": 48000}
    latent = run("VAEEncode", audio=audio, vae=parts.vae, align="start")[0]
    assert latent["samples"].dtype == torch.float32
    file = run("MuxAudio", audio=audio, frames=frames[0], old_sound="drop", **MUXER)[0]
    with av.open(file.get_stream_source()) as written:
        assert sum(frame.samples for frame in written.decode(audio=0)) == 12000


@pytest.fixture
def of_images(pack, write_video):
    """`of_images(bits, sound)`: a VIDEO of six images as newer hosts make them, 0.25 s long."""

    class VideoFromComponents(pack.stub.VideoFromComponents):
        def __init__(self, components, bit_depth=8):
            super().__init__(components)
            self.bits, self.saved = bit_depth, 0

        def get_bit_depth(self):
            return self.bits

        def get_stream_source(self):
            self.saved += 1
            return write_video(BytesIO(), 6, (16, 16), 0.25 if self.components.audio else 0.0)

    def make(bits=8, sound=False):
        audio = {"waveform": torch.rand(1, 2, 12000).half() - 0.5, "sample_rate": 48000}
        images = torch.rand(6, 16, 16, 3)
        parts = pack.stub.VideoComponents(images, Fraction(24), audio if sound else None)
        return VideoFromComponents(parts, bits)

    return make


@pytest.mark.parametrize(
    "bits, sound, old_sound, times",
    [(8, False, "keep", 0), (8, True, "drop", 0), (8, True, "keep", 1), (10, False, "drop", 1)],
)
def test_images_are_encoded_by_the_host_where_they_have_more_to_keep(
    run, of_images, bits, sound, old_sound, times
):
    """Sound of their own, or more bits than our encoder writes."""
    clip = of_images(bits, sound)
    assert run("LoadFrames", file=NONE, video=clip)[0].count == 8
    assert clip.saved == 0
    audio = {"waveform": torch.rand(1, 2, 12000) - 0.5, "sample_rate": 48000}
    run("MuxAudio", audio=audio, video=clip, old_sound=old_sound, **MUXER)
    assert clip.saved == times


def test_a_clip_without_sound_goes_through_every_policy(run, shown):
    audio = {"waveform": torch.rand(1, 2, 24000) - 0.5, "sample_rate": 48000}
    for old_sound in ("drop", "keep", "mix"):
        made = run("MuxAudio", audio=audio, video=shown("0.23"), old_sound=old_sound, **MUXER)
        with av.open(made[0].get_stream_source()) as written:
            assert len(written.streams.audio) == 1
