"""Pixels of a file as they should look, read lazily, and one clear error for whatever is wrong."""

from __future__ import annotations

import gc
import io
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.reformatter import VideoReformatter

from sr_core.io.read.source import MediaError
from sr_core.io.read.video import decode, open_video, to_rgb

MEDIA = Path(__file__).parents[2] / "media"

TICK = Fraction(1, 15360)
QUARTERS = np.zeros((48, 64, 3), np.uint8)  # red, green / blue, white
QUARTERS[:24, :32], QUARTERS[:24, 32:], QUARTERS[24:, :32], QUARTERS[24:, 32:] = (
    (200, 30, 30), (30, 200, 30), (30, 30, 200), (220, 220, 220),
)  # fmt: skip


def _first(path) -> np.ndarray:
    return next(open_video(path).pieces(1))[0].permute(1, 2, 0).numpy().astype(int)


def _still(make_clip, name="a.mp4", picture=QUARTERS, **kwargs):
    height, width = picture.shape[:2]
    return make_clip(name, [0, 512], TICK, pictures=[picture] * 2, size=(width, height), **kwargs)


@pytest.mark.parametrize(
    ("matrix", "upright"),
    [
        ((1, 0, 0, 1), QUARTERS),
        ((0, 1, -1, 0), np.rot90(QUARTERS, -1)),  # shown 90 degrees clockwise
        ((-1, 0, 0, -1), np.rot90(QUARTERS, 2)),
        ((0, -1, 1, 0), np.rot90(QUARTERS, 1)),
        ((-1, 0, 0, 1), QUARTERS[:, ::-1]),
        ((1, 0, 0, -1), QUARTERS[::-1]),
    ],
)
def test_a_display_matrix_turns_the_frames_upright(matrix, upright, make_clip, rotate_header):
    path = _still(make_clip, options={"qp": "10"})
    rotate_header(path, matrix)
    frames = open_video(path)
    assert (frames.height, frames.width) == upright.shape[:2]
    assert (frames.info.height, frames.info.width) == upright.shape[:2]
    assert np.abs(_first(path) - upright).mean() < 8


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "tolerance"),
    [
        ("a.mkv", "ffv1", "bgra", 1),
        ("a.mkv", "ffv1", "yuv420p10le", 8),
        ("a.mkv", "ffv1", "yuv444p", 3),
        ("a.mov", "png", "rgb24", 1),
        ("a.avi", "mjpeg", "yuvj422p", 10),
        ("a.gif", "gif", "rgb8", 40),
        ("a.mov", "qtrle", "argb", 1),
    ],
)
def test_every_pixel_format_comes_out_as_rgb(name, codec, pix_fmt, tolerance, make_clip):
    path = _still(make_clip, name, codec=codec, pix_fmt=pix_fmt)
    assert np.abs(_first(path) - QUARTERS).mean() < tolerance


def test_gray_keeps_its_levels(make_clip):
    picture = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], 48, 0)
    picture = np.ascontiguousarray(picture.repeat(3, 2))
    path = _still(make_clip, "g.mkv", picture, codec="ffv1", pix_fmt="gray")
    assert np.abs(_first(path) - picture).max() <= 2


@pytest.mark.parametrize("size", [(63, 47), (1, 1), (2, 2)])
def test_odd_and_tiny_sizes_come_through(size, make_clip):
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    path = _still(make_clip, "odd.mkv", picture, codec="ffv1", pix_fmt="bgr0")
    assert _first(path).shape == (size[1], size[0], 3)
    assert np.abs(_first(path) - 90).max() <= 1


@pytest.mark.parametrize("matrix", ["bt709", "bt601"])
@pytest.mark.parametrize("full", [False, True])
def test_colours_follow_the_tags_of_the_stream(matrix, full, tmp_path):
    rgb = np.array([200, 60, 30])
    red, blue = (0.2126, 0.0722) if matrix == "bt709" else (0.299, 0.114)
    luma = red * rgb[0] + (1 - red - blue) * rgb[1] + blue * rgb[2]
    chroma = np.array([rgb[2] - luma, rgb[0] - luma]) / (2 * (1 - np.array([blue, red])))
    scale = (1, 1, 0) if full else (219 / 255, 224 / 255, 16)
    planes = np.round([scale[2] + scale[0] * luma, *(128 + scale[1] * chroma)])
    yuv = np.broadcast_to(planes.astype(np.uint8)[:, None, None], (3, 48, 64))
    with av.open(str(tmp_path / "c.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=30, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        stream.codec_context.colorspace = 1 if matrix == "bt709" else 6
        stream.codec_context.color_range = 2 if full else 1
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(yuv), format="yuv444p")
        frame.colorspace = stream.codec_context.colorspace
        frame.color_range = stream.codec_context.color_range
        frame.pts, frame.time_base = 0, Fraction(1, 30)
        output.mux([*stream.encode(frame), *stream.encode(None)])
    assert np.abs(_first(tmp_path / "c.mp4") - rgb).max() <= 3


def test_a_size_that_changes_midway_is_scaled_to_the_first(tmp_path):
    parts = []
    for size in ((64, 48), (32, 24)):
        output = av.open(str(tmp_path / "part.h264"), "w")
        stream = output.add_stream("libx264", rate=30, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        picture = np.full((size[1], size[0], 3), size[0] * 3, np.uint8)
        for n in range(6):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, 30)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        output.close()
        parts.append((tmp_path / "part.h264").read_bytes())
    (tmp_path / "joined.h264").write_bytes(b"".join(parts))
    piece = next(open_video(tmp_path / "joined.h264").pieces(12))
    assert piece.shape == (12, 3, 48, 64)
    levels = piece.float().mean((1, 2, 3))
    assert (levels[:6] - 192).abs().max() < 4
    assert (levels[6:] - 96).abs().max() < 4


def test_pieces_start_again_for_every_reader_and_readers_do_not_disturb_each_other(
    constant_clip, numbers
):
    memory = io.BytesIO(constant_clip("a.mp4", Fraction(30)).read_bytes())
    memory.seek(5)
    frames = open_video(memory)
    one, two = frames.pieces(7), frames.pieces(11)
    first = [next(one), next(two), next(one)]
    assert torch.equal(torch.cat([first[0], first[2]])[:11], first[1])
    assert numbers(frames) == numbers(frames) == list(range(60))
    assert memory.tell() == 5


def test_pieces_are_uint8_of_the_asked_size(constant_clip):
    frames = open_video(constant_clip("a.mp4", Fraction(30)))
    assert [len(piece) for piece in frames.pieces(25)] == [25, 25, 10]
    piece = next(frames.pieces())
    assert (piece.dtype, piece.shape) == (torch.uint8, (60, 3, 48, 64))
    with pytest.raises(ValueError, match="0 frames"):
        next(frames.pieces(0))


def test_the_default_piece_stays_within_its_budget(constant_clip, monkeypatch):
    frames = open_video(constant_clip("a.mp4", Fraction(30)))
    monkeypatch.setattr("sr_core.io.read.frames.PIECE_BYTES", 5 * 3 * 48 * 64)
    assert len(next(frames.pieces())) == 5
    monkeypatch.setattr("sr_core.io.read.frames.PIECE_BYTES", 1)
    assert len(next(frames.pieces())) == 1


def test_reading_decodes_no_further_than_it_is_asked(constant_clip, monkeypatch):
    frames, decoded = open_video(constant_clip("a.mp4", Fraction(30))), []

    def counted(*args):
        for frame in decode(*args):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr("sr_core.io.read.video.decode", counted)
    next(frames.pieces(10))
    assert len(decoded) == 11


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_stays_flat_over_a_long_clip(constant_clip):
    frames = open_video(constant_clip("long.mp4", Fraction(30), seconds=30, size=(320, 240)))
    used = []
    for _ in frames.pieces(20):
        used.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
    assert len(used) == 45
    assert max(used) - used[4] < 40e6, "all 900 frames would be 207 MB"


def _with(tmp_path, name, data) -> str:
    (tmp_path / name).write_bytes(data)
    return str(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"this is not a video at all\n" * 50, "cannot be opened"),
        ("noise.mkv", os.urandom(4096), "cannot be opened"),
    ],
)
def test_a_file_that_is_no_video_is_one_clear_error(name, data, message, tmp_path):
    with pytest.raises(MediaError, match=message) as error:
        open_video(_with(tmp_path, name, data))
    assert name in str(error.value)
    with pytest.raises(MediaError, match=f"the file in memory {message}"):
        open_video(io.BytesIO(data))


def test_a_path_that_is_no_file_is_one_clear_error(tmp_path):
    with pytest.raises(MediaError, match="is a folder"):
        open_video(tmp_path)
    with pytest.raises(MediaError, match="does not exist"):
        open_video(tmp_path / "missing.mp4")


def test_sound_alone_is_no_video(tmp_path):
    with av.open(str(tmp_path / "a.m4a"), "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 4096), np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
        output.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(MediaError, match="has no video stream"):
        open_video(tmp_path / "a.m4a")


def test_cover_art_is_no_video(tmp_path):
    art = io.BytesIO()
    with av.open(art, "w", format="mjpeg") as output:
        stream = output.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuvj420p"
        frame = av.VideoFrame(16, 16, "yuvj420p")
        output.mux([*stream.encode(frame), *stream.encode(None)])
    jpeg = art.getvalue()
    picture = b"\0image/jpeg\0\3\0" + jpeg
    body = b"APIC" + len(picture).to_bytes(4, "big") + b"\0\0" + picture
    size = bytes(len(body) >> shift & 127 for shift in (21, 14, 7, 0))
    silence = (b"\xff\xfb\x90\x64" + bytes(413)) * 20
    path = _with(tmp_path, "song.mp3", b"ID3\3\0\0" + size + body + silence)
    with av.open(path) as container:
        assert len(container.streams.video) == 1
    with pytest.raises(MediaError, match="has no video stream"):
        open_video(path)


def test_a_video_stream_without_frames_is_an_error(tmp_path):
    with av.open(str(tmp_path / "none.mkv"), "w") as output:
        stream = output.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        output.start_encoding()
    with pytest.raises(MediaError, match="none.mkv"):
        open_video(tmp_path / "none.mkv")


def test_a_codec_nobody_knows_is_an_error(constant_clip):
    path = constant_clip("a.mp4", Fraction(30))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz").replace(b"avcC", b"zzzC"))
    with pytest.raises(MediaError, match="codec|decoded") as error:
        open_video(path)
    assert "re-encode" in str(error.value)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_a_truncated_file_is_an_error_that_names_the_last_good_time(name, constant_clip):
    muxer = {"movflags": "faststart"} if name == "a.mp4" else {}
    path = constant_clip(name, Fraction(30), seconds=4, muxer=muxer)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(MediaError, match=r"cut off: its picture ends \d\.\d+ s in"):
        open_video(path)


def test_a_truncated_file_without_its_index_cannot_be_opened(constant_clip):
    path = constant_clip("a.mp4", Fraction(30))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(MediaError, match="cut off, damaged or not a media file"):
        open_video(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts"])
def test_junk_after_the_end_changes_nothing(name, constant_clip, numbers):
    path = constant_clip(name, Fraction(30))
    path.write_bytes(path.read_bytes() + b"junk" * 400)
    frames = open_video(path)
    assert (frames.duration, numbers(frames)) == (2, list(range(60)))


def _damage(path, first, last):
    with av.open(str(path)) as container:
        spots = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    for pos, size in spots[first:last]:
        data[pos : pos + size] = b"\xff" * size
    path.write_bytes(data)


def test_one_damaged_packet_holds_the_frame_before_it(constant_clip, numbers):
    path = constant_clip("a.mp4", Fraction(30), codec="mjpeg", pix_fmt="yuvj420p")
    _damage(path, 20, 21)
    frames = open_video(path)
    assert frames.duration == 2
    assert numbers(frames) == [*range(20), 19, *range(21, 60)]


@pytest.mark.parametrize(("first", "last"), [(20, 55), (20, 60)])
def test_a_long_damaged_stretch_is_an_error_that_names_its_start(first, last, constant_clip):
    path = constant_clip("a.mp4", Fraction(30), codec="mjpeg", pix_fmt="yuvj420p")
    _damage(path, first, last)
    with pytest.raises(MediaError, match=r"damaged after 0\.633 s"):
        list(open_video(path).pieces())


def test_a_damaged_beginning_is_an_error(constant_clip):
    path = constant_clip("a.mp4", Fraction(30), codec="mjpeg", pix_fmt="yuvj420p")
    _damage(path, 0, 40)
    with pytest.raises(MediaError, match=r"first 1\.333 s cannot be decoded"):
        open_video(path)


def test_the_picture_begins_where_decoding_can(tmp_path, constant_clip, numbers):
    path = constant_clip("a.mkv", Fraction(30), options={"g": "20", "bf": "0"})
    with av.open(str(path)) as source, av.open(str(tmp_path / "cut.ts"), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.size and packet.pts > 400:
                packet.stream = stream
                output.mux(packet)
    frames = open_video(tmp_path / "cut.ts")
    shown = numbers(frames)
    assert 13 < shown[0] <= 20, "frames from 13 on lack the key frame before them"
    assert shown == list(range(shown[0], 60))
    assert frames.duration == Fraction(len(shown), 30)


def test_metadata_in_a_strange_encoding_does_not_matter(constant_clip):
    path = constant_clip("a.mp4", Fraction(30), tags={"title": "XXXX"})
    path.write_bytes(path.read_bytes().replace(b"XXXX", b"\xff\xfe\xe9X"))
    assert open_video(path).count == 60


def test_frames_that_were_seen_leave_memory_without_the_garbage_collector(make_clip):
    def alive() -> int:
        return sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = alive()
        for _, picture in open_video(make_clip("a.mp4", range(60), Fraction(1, 30))).shown():
            picture()
        assert alive() - before <= 4  # the first of a reading, and the one at hand
    finally:
        gc.enable()


@pytest.mark.parametrize("space", [0, 8, 10, 11, 12, 14, 17])
def test_a_matrix_that_the_scaler_does_not_know_is_seen_by_its_default(space):
    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
    frame = frame.reformat(format="gbrp" if space == 0 else "yuv420p")
    frame.colorspace = space
    picture = to_rgb(frame, VideoReformatter(), (64, 48), None)
    assert picture.shape == (3, 48, 64) and (picture.float() - 90).abs().max() <= 3


def test_the_picture_of_an_unknown_matrix_is_read_from_its_file():
    assert len(list(open_video(MEDIA / "matrix_coefficients_8.mp4").pieces(1))) == 5


def test_a_raw_stream_has_the_rate_that_it_says_and_not_ffmpegs_own():
    assert open_video(MEDIA / "raw.h264").info.rate == 30
    assert open_video(MEDIA / "dv.hevc").info.rate == Fraction(24000, 1001)
