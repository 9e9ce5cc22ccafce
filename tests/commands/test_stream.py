"""What `stream` makes of files: the same sound as `generate`, beside the same picture."""

import io
import os
import re
import threading
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch

from sr_core.cli import main
from sr_core.io.read.audio import read_audio
from sr_core.io.read.video import open_video
from sr_core.io.write.written import Track, Written
from tests.test_cli import write_video

MEDIA = Path(__file__).parents[1] / "media"


def packets_of(path, kind="video"):
    with av.open(str(path)) as container:
        stream = container.streams.get({kind: 0})[0]
        found = [p for p in container.demux(stream) if p.size]
        return [bytes(p) for p in found], [p.pts * p.time_base for p in found]


@pytest.mark.parametrize(("name", "rate"), [("a.mp4", 30), ("b.mkv", 24), ("c.mkv", 60)])
def test_a_file_gets_the_sound_that_generate_gives_it(run, tmp_path, name, rate):
    clip = write_video(tmp_path / name, frames=rate, rate=rate)
    assert run("generate", clip, "-o", tmp_path / "whole.mkv", "--seed", 3)[0] == 0
    code, out, err = run("stream", clip, "-o", tmp_path / "live.mkv", "--seed", 3)
    assert code == 0, err
    assert out == f"{tmp_path / 'live.mkv'}\n" and "30 frames" in err and "1.0 s of sound" in err
    whole, live = (read_audio(tmp_path / f"{x}.mkv")[0] for x in ("whole", "live"))
    assert whole.shape == live.shape == (2, 48_000)
    assert (whole - live).abs().max() < 1e-4 and whole.abs().max() > 0.01


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_the_picture_is_copied_beside_the_sound(run, tmp_path, suffix):
    clip = write_video(tmp_path / "clip.mp4", frames=40, rate=30)
    target = tmp_path / f"out{suffix}"
    code, _, err = run("stream", clip, "-o", target)
    assert code == 0, err
    (data, times), (own, shown) = packets_of(target), packets_of(clip)
    assert data == own
    assert all(abs(a - b) < Fraction(1, 1000) for a, b in zip(times, shown, strict=True))
    assert abs(open_video(target).duration - Fraction(4, 3)) < Fraction(1, 1000)
    assert abs(read_audio(target)[0].shape[1] - 64_000) <= (1100 if suffix == ".mp4" else 0)


@pytest.mark.parametrize("suffix", [".mka", ".wav", ".flac"])
def test_sound_files_hold_the_sound_alone(run, tmp_path, suffix):
    clip = write_video(tmp_path / "clip.mp4", frames=25, rate=30)
    code, _, err = run("stream", clip, "-o", tmp_path / f"out{suffix}")
    assert code == 0, err
    waveform, rate = read_audio(tmp_path / f"out{suffix}")
    assert waveform.shape == (2, 40_000) and rate == 48_000 and waveform.abs().max() > 0.01
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        assert not container.streams.video


def test_a_file_that_lacks_what_was_written_is_an_error_and_stays(run, tmp_path, monkeypatch):
    plan = Written.plan

    def more(written):
        (kind, codec, tag, track), *rest = plan(written)
        return [(kind, codec, tag, Track(track.packets + 1, track.last)), *rest]

    monkeypatch.setattr(Written, "plan", more)
    clip = write_video(tmp_path / "clip.mp4", frames=20, rate=30)
    code, _, err = run("stream", clip, "-o", tmp_path / "out.mkv")
    (line,) = [line for line in err.splitlines() if line.startswith("error:")]
    assert code == 2 and "has 20 of 21 packets; the file stays as it is" in line
    assert len(packets_of(tmp_path / "out.mkv")[0]) == 20


def test_a_looped_file_goes_on_until_its_time_is_over(run, tmp_path):
    clip = write_video(tmp_path / "clip.mkv", frames=10, rate=24)
    target = tmp_path / "out.mkv"
    code, _, err = run("stream", clip, "-o", target, "--loop", "--seconds", "1.3")
    assert code == 0, err
    assert read_audio(target)[0].shape[1] == 62_400
    data, times = packets_of(target)
    assert data == (packets_of(clip)[0] * 4)[:32]
    expected = [Fraction(n, 24) for n in range(32)]
    assert all(abs(a - b) < Fraction(1, 900) for a, b in zip(times, expected, strict=True))


def test_a_picture_that_the_file_cannot_hold_is_encoded(run, tmp_path):
    clip = write_video(tmp_path / "clip.gif", frames=10, rate=10, codec="gif")
    code, _, err = run("stream", clip, "-o", tmp_path / "out.mp4")
    assert code == 0, err
    frames = open_video(tmp_path / "out.mp4")
    assert frames.info.codec == "h264" and frames.info.frames == 10
    assert abs(frames.duration - 1) < Fraction(1, 100)
    shown = torch.cat(list(frames.pieces()))
    assert shown[0, :, :16, 8:].float().mean() > 200 and shown[0, :, 32:].float().mean() < 20


@pytest.fixture
def piped(monkeypatch, tiny_model, capfdbinary):
    """Run `stream` on raw frames; gives exit code, stdout's bytes and stderr."""

    def piped(frames, *words):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(frames)))
        words = ["stream", "-", "--size", "64x48", "--model", tiny_model, *words]
        code = main([str(word) for word in words])
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return piped


def blocks(number):  # grey noise in blocks, which a codec keeps
    grey = np.random.default_rng(number).integers(0, 256, (6, 8, 1), np.uint8)
    return np.broadcast_to(grey.repeat(8, 0).repeat(8, 1), (48, 64, 3))


def noise(frames):
    return b"".join(blocks(n).tobytes() for n in range(frames))


def test_what_comes_out_of_a_pipe_is_what_is_in_a_file(piped, tmp_path):
    code, _, err = piped(noise(20), "--rate", 25, "-o", tmp_path / "a.wav")
    assert code == 0, err
    code, out, err = piped(noise(20), "--rate", 25, "--format", "wav")
    assert code == 0, err
    (tmp_path / "b.wav").write_bytes(out)
    code, out, err = piped(noise(20), "--rate", 25, "--format", "f32le", "-o", "-")
    plain = torch.from_numpy(np.frombuffer(out, "<f4").reshape(-1, 2).T.copy())
    a, b = (read_audio(tmp_path / f"{name}.wav")[0] for name in "ab")
    assert a.shape == (2, 38_400) and torch.equal(a, b) and plain.shape == (2, 38_400)
    assert (plain.clamp(-1, 1) - a).abs().max() < 1e-4


def test_a_pipe_without_a_whole_frame_leaves_no_file(piped, tmp_path):
    for frames, words in ((b"", "got no frame"), (noise(1)[:-1], "got 9215 bytes after frame 0")):
        code, _, err = piped(frames, "--rate", 25, "-o", tmp_path / "a.mkv")
        assert code == 2 and words in err and not (tmp_path / "a.mkv").exists()


@pytest.mark.parametrize("where", [("-o", "a.wav"), ("-o", "a.mkv"), ("--format", "f32le")])
def test_clipping_is_told_once_and_as_loud_as_it_comes_out(piped, tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    loud = piped(noise(20), "--rate", 25, "--gain-db", 60, *where)
    soft = piped(noise(20), "--rate", 25, "--gain-db", -60, *where)
    assert (loud[2].count("clip"), soft[2].count("clip")) == (1, 0)


@pytest.mark.parametrize("form", ["matroska", "mp4"])
def test_raw_frames_become_a_picture_beside_the_sound(piped, tmp_path, form):
    code, out, err = piped(noise(25), "--rate", 25, "--format", form)
    assert code == 0, err
    path = tmp_path / f"out.{form}"
    path.write_bytes(out)
    frames = open_video(path)
    assert frames.info.frames == 25 and abs(frames.duration - 1) < 0.05
    assert abs(read_audio(path)[0].shape[1] - 48_000) < 1100
    shown = torch.cat(list(frames.pieces())).permute(0, 2, 3, 1).float()
    for k in (0, 12, 29):
        wanted = torch.from_numpy(blocks(k * 25 // 30).copy()).float()
        assert (shown[k] - wanted).abs().mean() < 10


def test_a_part_of_a_frame_is_complained_of_and_no_frame_is_an_error(piped, tmp_path):
    code, out, err = piped(noise(3)[:-5], "--rate", 30)
    assert code == 0 and len(out) == 2 * 1600 * 4 and "got 9211 bytes after frame 2" in err
    code, _, err = piped(b"", "--rate", 30)
    assert code == 2 and "got no frame" in err


def test_in_real_time_a_file_takes_as_long_as_it_is(run, tmp_path):
    clip = write_video(tmp_path / "clip.mp4", frames=45, rate=30)
    code, _, err = run("stream", clip, "-o", tmp_path / "out.wav", "--realtime")
    assert code == 0, err
    elapsed, frames = re.search(r"of sound in ([\d.]+) s.* (\d+) frames, \d+ late", err).groups()
    assert float(elapsed) >= 1.4 and int(frames) == 45
    assert read_audio(tmp_path / "out.wav")[0].shape[1] == 72_000


def test_a_camera_is_real_time_and_its_picture_is_encoded(run, tmp_path, monkeypatch):
    monkeypatch.setattr("sr_core.commands.work.stream.is_live", lambda source: True)
    clip = write_video(tmp_path / "clip.gif", frames=20, rate=10, codec="gif")
    code, _, err = run("stream", clip, "-o", tmp_path / "out.mp4")
    assert code == 0 and " late," in err, err
    assert open_video(tmp_path / "out.mp4").info.codec == "h264"


def test_a_test_picture_is_a_device_too(run, tmp_path):
    source = "lavfi:testsrc=size=64x48:rate=30:duration=1"
    code, _, err = run("stream", source, "-o", tmp_path / "out.mp4")
    assert code == 0, err
    frames = open_video(tmp_path / "out.mp4")
    assert frames.info.codec == "h264" and frames.info.frames == frames.count == 30


def test_what_cannot_be_meant_is_refused_and_nothing_is_overwritten(run, tmp_path):
    clip = write_video(tmp_path / "clip.mp4")
    before = clip.read_bytes()
    for words, complaint in [
        ((clip, "-o", clip), "would be overwritten; expected another"),
        ((clip, "-o", tmp_path / "out.avi"), "expected a name ending in .mka"),
        ((clip, "-o", tmp_path), "a folder"),
        ((tmp_path / "none.mp4", "-o", tmp_path / "o.mkv"), "does not exist"),
        (("-", "-o", tmp_path / "o.mkv"), "--size and --rate"),
        ((clip, "-o", tmp_path / "o.mkv", "--context", "ntk"), "without a length"),
        ((clip, "-o", tmp_path / "o.mkv", "--seconds", 0), "more than 0"),
        (("lavfi:testsrc", "-o", tmp_path / "o.mkv", "--loop"), "can be reread"),
        (("v4l2:/dev/none", "-o", tmp_path / "o.mkv"), "cannot be opened"),
    ]:
        code, _, err = run("stream", *words)
        assert code == 2 and complaint in err, err
    assert clip.read_bytes() == before and not (tmp_path / "o.mkv").exists()


def test_a_bad_input_leaves_the_old_output_alone(run, tmp_path):
    (tmp_path / "bad.mp4").write_text("not a video")
    (tmp_path / "out.mkv").write_text("old")
    code, _, err = run("stream", tmp_path / "bad.mp4", "-o", tmp_path / "out.mkv")
    assert code == 2 and "cannot be opened" in err
    assert (tmp_path / "out.mkv").read_text() == "old"


@pytest.mark.parametrize(
    ("name", "frames", "rate"), [("raw.h264", 60, 30), ("dv.hevc", 259, 23.976)]
)
def test_a_raw_stream_ends_with_its_picture_at_the_rate_of_generate(
    run, tmp_path, name, frames, rate
):
    raw, target = MEDIA / name, tmp_path / "out.mkv"
    run("stream", raw, "-o", target)
    assert len(packets_of(target)[0]) == frames
    seconds = read_audio(target)[0].shape[1] / 48000
    assert abs(seconds - frames / rate) < 0.05


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_read_as_it_comes_and_refused_where_it_would_be_read_twice(run, tmp_path):
    clip, pipe = write_video(tmp_path / "clip.mkv", frames=30, rate=30), tmp_path / "pipe"
    os.mkfifo(pipe)
    code, _, err = run("generate", pipe, "-o", tmp_path / "no.mkv")
    assert code == 2 and "can be read only once" in err and "sr_core stream" in err
    feeding = threading.Thread(target=lambda: pipe.write_bytes(clip.read_bytes()), daemon=True)
    feeding.start()
    code, _, err = run("stream", pipe, "-o", tmp_path / "out.mkv")
    assert code == 0, err
    assert len(packets_of(tmp_path / "out.mkv")[0]) == 30
