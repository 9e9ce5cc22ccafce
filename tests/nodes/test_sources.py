"""Where a clip may come from, and what is said before and while it is opened."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch


@pytest.fixture
def clip(pack, write_video):
    """A 24 fps video of half a second in the host's input folder."""
    return write_video(pack.base / "input" / "clip.mp4")


def test_a_file_becomes_frames_at_30_a_second(run, clip):
    frames, video, seconds = run("LoadFrames", file="clip.mp4").args
    assert (frames.rate, frames.count, seconds) == (30, 15, 0.5)
    assert video.get_stream_source() == str(clip)


def test_the_bundled_clip_is_offered_and_shown(run, pack):
    options = pack.nodes["SoundReactorLoadFrames"].define_schema().inputs[0].options
    assert options[0] == "soundreactor_sample.mp4 [temp]"
    assert (pack.base / "temp" / "soundreactor_sample.mp4").is_file()
    (pack.base / "temp" / "soundreactor_sample.mp4").unlink()
    assert run("LoadFrames", file=options[0])[0].count > 30


def test_other_files_of_the_input_folder_are_not_offered(pack, clip):
    (pack.base / "input" / "notes.txt").write_text("no video")
    options = pack.nodes["SoundReactorLoadFrames"].define_schema().inputs[0].options
    assert "clip.mp4" in options and "notes.txt" not in options


def test_animations_are_offered_and_what_macos_writes_beside_a_file_is_not(pack, clip):
    folder = pack.base / "input"
    still, moving = (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0" + bytes([flags]) for flags in (0, 2))
    contents = {"still.webp": still, "moving.webp": moving, "moving.avif": b"\0\0\0\x18ftypavis"}
    for name, data in (contents | {"._clip.mp4": b"no video"}).items():
        (folder / name).write_bytes(data)
    options = pack.nodes["SoundReactorLoadFrames"].define_schema().inputs[0].options
    assert {"clip.mp4", "moving.avif", "moving.webp"} <= set(options)
    assert not {"still.webp", "._clip.mp4"} & set(options)


def test_a_connected_video_goes_before_the_file(run, pack, clip):
    video = pack.stub.VideoFromFile(str(clip))
    frames, same, _ = run("LoadFrames", file="none.mp4 [temp]", video=video).args
    assert same is video and frames.count == 15


@pytest.mark.parametrize("fps, info, count", [(16, None, 15), (0, {"loaded_fps": 8.0}, 30)])
def test_images_take_their_rate_from_fps_or_video_info(run, fps, info, count):
    images = torch.rand(8, 32, 32, 3)
    frames, video, seconds = run(
        "LoadFrames", file="none.mp4 [temp]", images=images, fps=fps, video_info=info
    ).args
    assert frames.count == count and seconds == 8 / (fps or 8)
    assert video.get_components().images is images


def test_a_broadcast_rate_is_exact(run):
    images = torch.rand(24, 16, 16, 3)
    _, video, _ = run("LoadFrames", file="none.mp4 [temp]", images=images, fps=23.976).args
    assert video.get_components().frame_rate == Fraction(24000, 1001)


def test_a_video_of_images_is_not_encoded_to_be_read(run, pack):
    parts = pack.stub.VideoComponents(torch.rand(10, 16, 16, 3), Fraction(10))
    frames, _, _ = run(
        "LoadFrames", file="none.mp4 [temp]", video=pack.stub.VideoFromComponents(parts)
    ).args
    assert frames.images.data_ptr() == parts.images.data_ptr()


@pytest.mark.parametrize("fps, info", [(0, None), (16, {"loaded_fps": 8.0})])
def test_images_without_one_clear_rate_are_an_error(run, fps, info):
    with pytest.raises(ValueError, match="fps"):
        run("LoadFrames", file="x", images=torch.rand(2, 8, 8, 3), fps=fps, video_info=info)


def test_two_connected_sources_are_an_error(run, pack):
    with pytest.raises(ValueError, match="expected one of them"):
        run("LoadFrames", file="x", video=object(), images=torch.rand(2, 8, 8, 3), fps=8)


def test_a_changed_file_is_read_again(pack, clip):
    fingerprint = pack.nodes["SoundReactorLoadFrames"].fingerprint_inputs
    before = fingerprint(file="clip.mp4", fps=0.0)
    assert before == fingerprint(file="clip.mp4", video=None, images=None)
    data = clip.read_bytes()
    clip.write_bytes(data + b"\0")
    assert before != fingerprint(file="clip.mp4")
    clip.write_bytes(data)
    assert fingerprint(file=None) == "" and fingerprint(file="gone.mp4")


def test_a_file_that_is_no_video_is_one_clear_error(run, pack):
    (pack.base / "input" / "fake.mp4").write_text("just text")
    with pytest.raises(ValueError, match="fake.mp4"):
        run("LoadFrames", file="fake.mp4")
