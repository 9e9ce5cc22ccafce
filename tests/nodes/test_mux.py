"""The muxer fits sound to the picture, and passes a clip on where there is no sound for it."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest
import torch

FPS, FRAMES, SAMPLES = 25, 11, 11 * 48000 // 25  # 0.44 s


@pytest.fixture
def frames(run):
    return run("LoadFrames", file="none", images=torch.rand(FRAMES, 16, 16, 3), fps=FPS)[0]


@pytest.fixture
def mux(run):
    def written(**inputs):
        settings = {"container": "mkv", "old_sound": "drop", "gain_db": 0.0, "old_gain_db": 0.0}
        return run("MuxAudio", filename_prefix="video/fit", **settings | inputs)

    return written


def sound_of(video) -> torch.Tensor:  # (2 s)
    with av.open(video.get_stream_source()) as container:
        pieces = [torch.from_numpy(f.to_ndarray()).float() for f in container.decode(audio=0)]
    wave = torch.cat([piece.reshape(-1, 2) for piece in pieces]).T / 2**31
    return wave


@pytest.mark.parametrize(
    "seconds, told",
    [
        (-0.010, "0.430 s long, the picture 0.440 s: 0.010 s too short, silence follows it"),
        (-0.300, "0.300 s too short"),
        (0.250, "0.250 s too long, its end is cut off"),
    ],
)
def test_sound_of_any_length_fits_and_the_node_says_by_how_much(mux, frames, pack, seconds, told):
    count = SAMPLES + round(seconds * 48000)
    wave = torch.rand(1, 2, count) - 0.5
    made = sound_of(mux(audio={"waveform": wave, "sample_rate": 48000}, frames=frames)[0])
    assert made.shape == (2, SAMPLES)
    kept = min(count, SAMPLES)
    torch.testing.assert_close(made[:, :kept], wave[0, :, :kept], atol=1e-4, rtol=0)
    assert not made[:, kept:].any()
    assert len(pack.host.texts) == 1 and told in pack.host.texts[0]


@pytest.mark.parametrize("rate", [44100, 48000, 22050])
def test_sound_of_the_clips_length_at_any_rate_is_not_remarked_on(mux, frames, pack, rate):
    wave = torch.rand(1, 1, round(FRAMES / FPS * rate)) - 0.5
    made = sound_of(mux(audio={"waveform": wave, "sample_rate": rate}, frames=frames)[0])
    assert made.shape == (2, SAMPLES) and pack.host.texts == []


def test_without_sound_a_video_goes_on_as_it_is(mux, pack, write_video, tmp_path):
    clip = pack.stub.VideoFromFile(write_video(str(tmp_path / "a.mp4"), seconds_of_sound=0.5))
    result = mux(video=clip)
    assert result[0] is clip and result.ui is None
    assert "no sound is connected" in pack.host.texts[0]


def test_without_sound_frames_of_a_file_go_on_with_the_sound_it_had(run, mux, write_video, pack):
    path = write_video(str(pack.base / "input" / "heard.mp4"), seconds_of_sound=0.5)
    passed = mux(frames=run("LoadFrames", file="heard.mp4")[0])[0]
    assert passed.get_stream_source() == path


def test_without_sound_images_go_on_and_parts_are_refused(run, mux, frames):
    components = mux(frames=frames)[0].get_components()
    assert components.images is frames.images and components.frame_rate == Fraction(FPS)
    part = run("SplitFrames", frames=frames, seconds=0.2)[0]
    with pytest.raises(ValueError, match="connect audio, or the clip to video"):
        mux(frames=part)


def test_a_video_that_has_no_sound_to_give_is_an_error(mux, frames):
    with pytest.raises(ValueError, match="got no sound"):
        mux(frames=frames, audio=None)
