"""The picture's packets untouched, the new sound exactly beside it, whole or not at all."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from sr_core.io.read.audio import read_audio
from sr_core.io.read.frames import frames_from_images
from sr_core.io.read.source import MediaError
from sr_core.io.read.video import open_video
from sr_core.io.write.mux import mux

NTSC = Fraction(30000, 1001)
CONTAINERS = [".mp4", ".mov", ".mkv", ".webm"]
CLICK = 20_000


def _packets(path, kind="video", index=0) -> list[bytes]:
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[index]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def _sounds(path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.name for stream in container.streams.audio]


def _click(samples: int, at: int = CLICK) -> torch.Tensor:  # -> (2 samples)
    sound = torch.zeros(2, samples)
    sound[0, at], sound[1, at] = 0.9, -0.9
    return sound


def _pieces(sound, sizes=(1600,)):
    start, turn = 0, 0
    while start < sound.shape[-1]:
        size = sizes[turn % len(sizes)]
        yield sound[..., start : start + size]
        start, turn = start + size, turn + 1


def _tone(seconds, rate=44100, level=0.5):
    wave = level * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return {"codec": "aac", "rate": rate, "wave": np.stack([wave, wave])}


@pytest.fixture
def clip_for(constant_clip):
    """Give a clip whose picture can be copied into a container."""

    def make(suffix, rate=NTSC, **kwargs):
        if suffix == ".webm":
            fast = {"deadline": "realtime", "cpu-used": "8"}
            return constant_clip("in.webm", rate, codec="libvpx-vp9", options=fast, **kwargs)
        return constant_clip("in.mp4", rate, **kwargs)

    return make


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_sound_is_as_long_as_the_picture_and_a_click_stays_where_it_was(suffix, clip_for, tmp_path):
    source, target = clip_for(suffix), tmp_path / f"out{suffix}"
    frames = open_video(source)
    samples = frames.samples()
    assert samples == 96096
    sound = _click(samples + 900)
    assert mux(source, _pieces(sound, (1600, 1, 777)), target) == target
    waveform, rate = read_audio(target)
    assert (rate, tuple(waveform.shape)) == (48000, (2, samples))
    assert abs(int(waveform[0].argmax()) - CLICK) <= 48
    assert abs(int(waveform[1].argmin()) - CLICK) <= 48
    assert _packets(target) == _packets(source)
    result = open_video(target)
    assert (result.info.start, result.duration) == (0, frames.duration)
    with av.open(str(target)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert abs(float(container.duration / av.time_base - frames.duration)) < 0.01


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_the_edit_list_hides_the_delay_of_the_encoder(suffix, clip_for, tmp_path):
    mux(clip_for(suffix), _click(96096), tmp_path / f"out{suffix}")
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        sound = container.streams.audio[0]
        assert (sound.start_time, sound.duration * sound.time_base) == (0, Fraction(96096, 48000))
        first = next(container.decode(sound))
        assert first.pts == 0


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_every_rate_keeps_its_frames_and_its_length(suffix, rate, clip_for, numbers, tmp_path):
    source, target = clip_for(suffix, rate), tmp_path / f"out{suffix}"
    frames = open_video(source)
    mux(source, torch.zeros(2, frames.samples()), target)
    result = open_video(target)
    assert result.duration == frames.duration
    assert numbers(result) == numbers(frames)
    assert read_audio(target)[0].shape[1] == frames.samples()
    assert _packets(target) == _packets(source)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_rate_keeps_its_times(suffix, make_clip, numbers, tmp_path):
    ticks = [0, 40, 55, 160, 170, 250, 400, 433, 500, 610, 611, 700]
    source = make_clip("vfr.mp4", ticks, Fraction(1, 1000), end=800)
    mux(source, torch.zeros(2, 38400), tmp_path / f"out{suffix}")
    result = open_video(tmp_path / f"out{suffix}")
    assert numbers(result) == numbers(open_video(source))
    assert [result.timing.time(pts) * 1000 for pts in result.timing.shown] == ticks


def test_times_rounded_by_matroska_are_exact_again_in_mp4(constant_clip, tmp_path):
    source = constant_clip("in.mkv", NTSC)
    mux(source, torch.zeros(2, 96096), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        times = sorted(p.pts * stream.time_base for p in container.demux(stream) if p.size)
        assert times == [n / NTSC for n in range(60)]
        assert stream.average_rate == NTSC


@pytest.mark.parametrize("name", ["in.mkv", "in.ts"])
def test_a_late_start_becomes_zero(name, make_clip, numbers, tmp_path):
    ticks = [135000 + n * 3000 for n in range(45)]
    source = make_clip(name, ticks, Fraction(1, 90000))
    mux(source, _click(72000), tmp_path / "out.mp4")
    result = open_video(tmp_path / "out.mp4")
    assert (result.info.start, result.duration) == (0, Fraction(3, 2))
    assert numbers(result) == list(range(45))


def test_frames_hidden_by_an_edit_list_stay_hidden(make_clip, numbers, tmp_path):
    source = make_clip("in.mp4", [n * 512 for n in range(60)], Fraction(1, 15360), shift=7 * 512)
    mux(source, torch.zeros(2, 84800), tmp_path / "out.mp4")
    result = open_video(tmp_path / "out.mp4")
    assert (result.duration, numbers(result)) == (Fraction(53, 30), list(range(7, 60)))
    assert _packets(tmp_path / "out.mp4") == _packets(source)
    with pytest.raises(MediaError, match="edit list hides .* write to .mp4 or .mov"):
        mux(source, torch.zeros(2, 84800), tmp_path / "out.mkv")


def test_the_edit_list_that_ends_a_clip_leaves_its_last_frames_whole(make_clip, numbers, tmp_path):
    source = make_clip("in.mp4", [n * 512 for n in range(60)], Fraction(1, 15360))
    data = bytearray(source.read_bytes())
    start = data.index(b"elst") + 4
    with av.open(str(source)) as container:  # end it where a frame decoded earlier comes later
        order = [p.pts // 512 for p in container.demux(video=0) if p.size]
    cut = next(n for n in range(40, 58) if order.index(n) > order.index(n + 1))
    data[start + 8 : start + 12] = (round((cut + 1) * 1000 / 30)).to_bytes(4, "big")
    source.write_bytes(data)
    frames = open_video(source)
    assert (frames.info.frames, numbers(frames)) == (cut + 1, list(range(cut + 1)))
    mux(source, torch.zeros(2, frames.samples()), tmp_path / "out.mp4")
    assert numbers(open_video(tmp_path / "out.mp4"))[: cut + 1] == list(range(cut + 1))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_rotation_survives(suffix, constant_clip, rotate_header, tmp_path):
    source, target = constant_clip("in.mp4", Fraction(30)), tmp_path / f"out{suffix}"
    rotate_header(source, (0, 1, -1, 0))
    mux(source, torch.zeros(2, 96000), target)
    frames = open_video(target)
    assert (frames.width, frames.height) == (48, 64)
    assert torch.equal(next(frames.pieces(1)), next(open_video(source).pieces(1)))


def test_colour_tags_and_pixel_aspect_survive(tmp_path):
    with av.open(str(tmp_path / "in.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        context = stream.codec_context
        context.sample_aspect_ratio = Fraction(4, 3)
        context.colorspace = context.color_primaries = context.color_trc = 1
        context.color_range = 1
        for n in range(30):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, 30)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    mux(tmp_path / "in.mp4", torch.zeros(2, 48000), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert stream.sample_aspect_ratio == Fraction(4, 3)
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)
        assert context.color_range == 1


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_prompt_and_workflow_can_be_read_back(suffix, clip_for, tmp_path):
    source = clip_for(suffix, tags={"title": "a day"})
    prompt = json.dumps({"1": {"class_type": "Lo\u00e4d", "inputs": {"text": "x" * 5000}}})
    tags = {"prompt": prompt, "workflow": '{"nodes": []}'}
    mux(source, torch.zeros(2, 96096), tmp_path / f"out{suffix}", metadata=tags)
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        read = {key.lower(): value for key, value in container.metadata.items()}
    assert (read["prompt"], read["workflow"]) == (prompt, '{"nodes": []}')
    assert read["title"] == "a day"
    if suffix in (".mp4", ".mov"):
        assert "prompt" in container.metadata


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_the_source_is_not_its_own_target(constant_clip, tmp_path, link):
    source, target = constant_clip("in.mp4", Fraction(30)), tmp_path / "in.mp4"
    if link:
        link(source, target := tmp_path / "out.mp4")
    before = source.read_bytes()
    for picture in (source, open_video(str(source))):
        with pytest.raises(MediaError, match="which is the source .* itself; expected another"):
            mux(picture, torch.zeros(2, 96000), target)
    assert source.read_bytes() == before and target.exists()


def test_metadata_must_be_text(constant_clip, tmp_path):
    with pytest.raises(ValueError, match="json.dumps"):
        mux(constant_clip("in.mp4", Fraction(30)), torch.zeros(2, 1), tmp_path / "o.mp4",
            metadata={"prompt": {"a": 1}})  # fmt: skip


def test_a_picture_in_memory_and_frames_already_open_can_be_muxed(constant_clip, tmp_path):
    source = constant_clip("in.mp4", Fraction(30))
    memory = io.BytesIO(source.read_bytes())
    mux(memory, torch.zeros(1, 2, 96000), tmp_path / "a.mp4")
    mux(open_video(source), torch.zeros(1, 96000), tmp_path / "b.mp4")
    assert _packets(tmp_path / "a.mp4") == _packets(tmp_path / "b.mp4") == _packets(source)


def test_one_channel_goes_to_both_sides(constant_clip, tmp_path):
    sound = 0.5 * torch.sin(torch.arange(96000) / 20)[None]
    mux(constant_clip("in.mp4", Fraction(30)), sound, tmp_path / "out.mkv")
    assert (read_audio(tmp_path / "out.mkv")[0] - sound).abs().max() < 1e-6


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_images_are_encoded_at_their_own_times(suffix, tmp_path):
    images = torch.linspace(0.1, 0.9, 12).reshape(12, 1, 1, 1).expand(12, 47, 63, 3).clone()
    images[..., 0] *= 0.5
    frames = frames_from_images(images, 23.976)
    mux(frames, torch.zeros(2, frames.samples()), tmp_path / f"out{suffix}")
    result = open_video(tmp_path / f"out{suffix}")
    assert result.duration == frames.duration == 12 / Fraction(24000, 1001)
    assert (result.width, result.height, result.info.frames) == (64, 48, 12)
    got, want = torch.cat(list(result.pieces())), torch.cat(list(frames.pieces()))
    assert (got[..., :47, :63].float() - want).abs().mean() < 3
    assert (got[..., 47, :].float() - got[..., 46, :]).abs().max() < 12


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_gif_becomes_a_video_of_the_same_times(suffix, make_clip, numbers, tmp_path):
    source = make_clip("in.gif", range(24), Fraction(1, 8), codec="gif", rate=8, pix_fmt="rgb8")
    mux(source, _click(144000), tmp_path / f"out{suffix}")
    result = open_video(tmp_path / f"out{suffix}")
    assert (result.duration, result.info.frames) == (3, 24)
    assert numbers(result) == numbers(open_video(source))
    assert read_audio(tmp_path / f"out{suffix}")[0].shape[1] == 144000


def test_a_gif_with_uneven_delays_keeps_them(make_clip, tmp_path):
    ticks = [0, 7, 30, 41, 90, 97, 113, 150]
    source = make_clip("in.gif", ticks, Fraction(1, 100), codec="gif", pix_fmt="rgb8", end=230)
    frames = open_video(source)
    mux(frames, torch.zeros(2, frames.samples()), tmp_path / "out.mp4")
    result = open_video(tmp_path / "out.mp4")
    assert [result.timing.time(pts) * 100 for pts in result.timing.shown] == ticks
    assert result.duration == frames.duration


def test_a_picture_without_frame_times_is_encoded_with_a_warning(make_clip, numbers, tmp_path):
    source = make_clip("in.avi", range(45), Fraction(1, 30))
    with pytest.warns(UserWarning, match="has no presentation times"):
        mux(source, torch.zeros(2, 72000), tmp_path / "out.mp4")
    assert numbers(open_video(tmp_path / "out.mp4")) == list(range(45))


@pytest.mark.parametrize(
    ("source_suffix", "target", "able"),
    [(".mp4", "out.webm", ".mp4"), (".webm", "out.mov", ".webm")],
)
def test_a_picture_the_container_cannot_hold_is_an_error_with_advice(
    source_suffix, target, able, clip_for, tmp_path
):
    with pytest.raises(MediaError, match=f"cannot be copied into .*; write to .*{able}"):
        mux(clip_for(source_suffix), torch.zeros(2, 96096), tmp_path / target)
    assert not (tmp_path / target).exists()


def test_the_old_sound_is_dropped_by_default(constant_clip, tmp_path):
    source = constant_clip("in.mp4", Fraction(30), sound=_tone(2))
    mux(source, torch.zeros(2, 96000), tmp_path / "out.mp4")
    assert len(_sounds(tmp_path / "out.mp4")) == 1
    assert read_audio(tmp_path / "out.mp4")[0].abs().max() < 1e-3


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_the_old_sound_kept_is_the_second_stream_untouched(suffix, constant_clip, tmp_path):
    source = constant_clip("in.mp4", Fraction(30), sound=_tone(2))
    mux(source, torch.zeros(2, 96000), tmp_path / f"out{suffix}", old_sound="keep")
    names = _sounds(tmp_path / f"out{suffix}")
    assert len(names) == 2
    assert names[1] == "aac"
    kept, old = _packets(tmp_path / f"out{suffix}", "audio", 1), _packets(source, "audio")
    assert kept == (old if suffix != ".mkv" else old[1:])
    assert open_video(tmp_path / f"out{suffix}").info.start == 0
    assert read_audio(tmp_path / f"out{suffix}")[0].abs().max() < 1e-3


def test_the_old_sound_is_encoded_where_the_container_cannot_hold_it(clip_for, tmp_path):
    tone = _tone(2)
    source = tmp_path / "both.mkv"
    with av.open(str(clip_for(".webm"))) as picture, av.open(str(source), "w") as output:
        stream = output.add_stream_from_template(picture.streams.video[0], opaque=True)
        track = output.add_stream("aac", rate=44100)
        wave = np.ascontiguousarray(tone["wave"], dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(wave, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 44100, 0, Fraction(1, 44100)
        output.mux([*track.encode(frame), *track.encode(None)])
        for packet in picture.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    mux(source, torch.zeros(2, 96096), tmp_path / "out.webm", old_sound="keep")
    assert [name.removeprefix("lib") for name in _sounds(tmp_path / "out.webm")] == ["opus"] * 2


@pytest.mark.parametrize("late", [0, 0.25, -0.25])
def test_the_old_sound_mixed_in_stays_with_the_picture(late, make_clip, tmp_path):
    wave = np.zeros((2, 44100 * 2), np.float32)
    wave[:, 44100] = 0.8
    sound = {"codec": "pcm_f32le", "rate": 44100, "wave": wave, "pts": 44100}
    tick, start = Fraction(1, 15360), round((1 - late) * 15360)
    ticks = [start + n * 512 for n in range(60)]
    source = make_clip("in.mkv", ticks, tick, sound=sound)
    mux(source, torch.zeros(2, 96000), tmp_path / "out.mov", old_sound="mix", old_gain_db=-6)
    waveform, _ = read_audio(tmp_path / "out.mov")
    assert abs(int(waveform[0].argmax()) - round((1 + late) * 48000)) <= 48
    level = float(waveform[0].sum())
    assert level == pytest.approx(0.8 * 48000 / 44100 * 10 ** (-6 / 20), rel=0.02)


def test_gains_are_decibels_and_the_sum_is_plain(constant_clip, tmp_path):
    source = constant_clip("in.mkv", Fraction(30), sound=_tone(2, 48000, 0.25) | {
        "codec": "pcm_f32le"})  # fmt: skip
    time = torch.arange(96000) / 48000
    new = 0.25 * torch.sin(2 * torch.pi * 1000 * time).expand(2, -1)
    mux(source, new, tmp_path / "o.mov", old_sound="mix", gain_db=6, old_gain_db=-6)
    old = 0.25 * torch.sin(2 * torch.pi * 440 * time)
    waveform, _ = read_audio(tmp_path / "o.mov")
    want = new[0] * 10 ** (6 / 20) + old * 10 ** (-6 / 20)
    assert (waveform[0] - want).abs().max() < 2e-3


def test_one_old_channel_keeps_its_level_in_the_mix(tmp_path, constant_clip):
    source = tmp_path / "mono.mkv"
    with av.open(str(constant_clip("in.mp4", Fraction(30)))) as picture:
        with av.open(str(source), "w") as output:
            stream = output.add_stream_from_template(picture.streams.video[0], opaque=True)
            track = output.add_stream("pcm_s16le", rate=48000, layout="mono")
            wave = np.full((1, 96000), 8192, np.int16)
            frame = av.AudioFrame.from_ndarray(wave, "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
            output.mux([*track.encode(frame), *track.encode(None)])
            for packet in picture.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
    mux(source, torch.zeros(2, 96000), tmp_path / "out.mov", old_sound="mix")
    waveform, _ = read_audio(tmp_path / "out.mov")
    assert (waveform - 0.25).abs().max() < 1e-4


@pytest.mark.parametrize("policy", ["keep", "mix"])
def test_a_silent_video_has_no_old_sound_to_keep(policy, constant_clip, tmp_path):
    source = constant_clip("in.mp4", Fraction(30))
    mux(source, _click(96000), tmp_path / "out.mp4", old_sound=policy)
    assert len(_sounds(tmp_path / "out.mp4")) == 1


@pytest.mark.parametrize("suffix", [".mov", ".mkv", ".mp4"])
def test_sound_above_full_scale_is_clipped_with_a_warning(suffix, constant_clip, tmp_path):
    sound = 0.8 * torch.sin(torch.arange(96000) / 30).expand(2, -1)
    source = constant_clip("in.mp4", Fraction(30))
    with pytest.warns(UserWarning, match=r"peaks at \+4\.\d dBFS and was clipped"):
        mux(source, sound, tmp_path / f"out{suffix}", gain_db=6)
    waveform, _ = read_audio(tmp_path / f"out{suffix}")
    assert waveform[0, :96000].dot(sound[0]) > 0.9 * waveform.norm(dim=1)[0] * sound.norm(dim=1)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mux(source, sound, tmp_path / f"out{suffix}")


def test_sound_is_pulled_only_a_little_ahead_of_the_picture(constant_clip, tmp_path):
    source, pulled = constant_clip("in.mp4", Fraction(30), seconds=20), []
    target = tmp_path / "out.mp4"

    def sound():
        for _ in range(600):
            pulled.append(_size_beside(target))
            yield torch.randn(2, 1600).mul(0.1)

    mux(source, sound(), target)
    assert len(pulled) == 600
    assert pulled[540] > 200_000, "nothing was written while the sound was made"


def _size_beside(target) -> int:
    return sum(path.stat().st_size for path in target.parent.glob("*.partial"))


def test_a_huge_waveform_is_cut_into_small_frames(constant_clip, tmp_path):
    source = constant_clip("in.mp4", Fraction(10), seconds=60, options={"bf": "0"})
    mux(source, torch.rand(2, 48000 * 60) - 0.5, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        ends = [(p.stream.type, float(p.pts * p.time_base)) for p in container.demux() if p.size]
    gaps = [abs(b[1] - a[1]) for a, b in zip(ends, ends[1:], strict=False) if a[0] != b[0]]
    assert max(gaps) < 1.2


FAILURES = {
    "short": (lambda: torch.zeros(2, 95999), r"95999 samples .* expected 96000"),
    "no sound": (lambda: iter([]), r"got 0 samples"),
    "nan": (lambda: torch.full((2, 96000), float("nan")), r"NaN or infinite sound at 0\.000 s"),
    "late nan": (
        lambda: iter([torch.zeros(2, 48000), torch.tensor([[0.0] * 240 + [float("inf")]] * 2)]),
        r"at 1\.005 s",
    ),
    "channels": (lambda: torch.zeros(4, 96000), r"4 channels; expected 1 or 2"),
    "batch": (lambda: torch.zeros(2, 2, 96000), r"shape \(2, 2, 96000\)"),
    "integers": (lambda: torch.zeros(2, 96000, dtype=torch.int16), "int16"),
}


@pytest.mark.parametrize("case", FAILURES)
@pytest.mark.parametrize("before", [None, b"what was there"])
def test_a_failure_leaves_everything_as_it_was(case, before, constant_clip, tmp_path):
    sound, message = FAILURES[case]
    source, folder = constant_clip("in.mp4", Fraction(30)), tmp_path / "folder"
    folder.mkdir()
    if before:
        (folder / "out.mp4").write_bytes(before)
    with pytest.raises(ValueError, match=message):
        mux(source, sound(), folder / "out.mp4")
    assert [path.read_bytes() for path in folder.iterdir()] == ([before] if before else [])


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, GeneratorExit])
def test_an_interruption_passes_through_and_leaves_nothing(error, constant_clip, tmp_path):
    def sound():
        yield torch.zeros(2, 30000)
        raise error("stop")

    source = constant_clip("in.mp4", Fraction(30))
    with pytest.raises(error):
        mux(source, sound(), tmp_path / "out.mp4")
    assert os.listdir(tmp_path) == ["in.mp4"]


@pytest.mark.parametrize("name", ["out.avi", "out", "out.wav"])
def test_an_unknown_container_is_refused_before_anything_is_read(name, tmp_path):
    with pytest.raises(MediaError, match=r"\.mp4, .*\.mov, \.mkv, \.webm"):
        mux(tmp_path / "missing.mp4", torch.zeros(2, 1), tmp_path / name)


def test_an_unknown_policy_is_refused(tmp_path):
    with pytest.raises(ValueError, match="drop, keep, mix"):
        mux(tmp_path / "missing.mp4", torch.zeros(2, 1), tmp_path / "o.mp4", old_sound="both")


def test_a_missing_folder_is_made(constant_clip, tmp_path):
    target = tmp_path / "new" / "deeper" / "out.MP4"
    mux(constant_clip("in.mp4", Fraction(30)), torch.zeros(2, 96000), target)
    assert open_video(target).count == 60


def test_a_folder_as_target_is_refused(constant_clip, tmp_path):
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(MediaError, match="is a folder"):
        mux(constant_clip("in.mp4", Fraction(30)), torch.zeros(2, 96000), tmp_path / "out.mp4")


def test_a_target_that_cannot_be_made_is_refused(constant_clip, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(MediaError, match="cannot write"):
        mux(constant_clip("in.mp4", Fraction(30)), torch.zeros(2, 9), tmp_path / "file" / "o.mp4")


FULL_DISK = """
import resource, signal, sys, torch
from sr_core.io.write.mux import mux
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    mux(sys.argv[1], torch.rand(2, 480000) - 0.5, sys.argv[2])
except ValueError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs POSIX file size limits")
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_full_disk_is_one_error_and_leaves_nothing(name, constant_clip, tmp_path):
    source, folder = constant_clip("in.mp4", Fraction(30), seconds=10), tmp_path / "full"
    folder.mkdir()
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, source, folder / name],
        capture_output=True, text=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert result.stdout.startswith(f"cannot write '{folder / name}'"), result.stderr
    assert "a limit on the size of files was reached" in result.stdout
    assert os.listdir(folder) == []


def test_the_result_has_the_permissions_of_any_new_file(constant_clip, tmp_path):
    mux(constant_clip("in.mp4", Fraction(30)), torch.zeros(2, 96000), tmp_path / "out.mp4")
    (tmp_path / "plain").touch()
    assert (tmp_path / "out.mp4").stat().st_mode == (tmp_path / "plain").stat().st_mode


SRT = "1\n00:00:00,500 --> 00:00:01,000\nhello\n\n2\n00:00:01,200 --> 00:00:01,900\nbye\n"


def test_subtitles_come_along_where_the_container_takes_them(constant_clip, tmp_path):
    (tmp_path / "a.srt").write_text(SRT)
    source = tmp_path / "subtitled.mkv"
    with av.open(str(constant_clip("in.mp4", Fraction(30)))) as picture:
        with av.open(str(tmp_path / "a.srt")) as text, av.open(str(source), "w") as output:
            origins = [picture.streams.video[0], text.streams.subtitles[0]]
            streams = [output.add_stream_from_template(s, opaque=True) for s in origins]
            for origin, stream in zip(origins, streams, strict=True):
                for packet in [p for p in origin.container.demux(origin) if p.size]:
                    packet.stream = stream
                    output.mux(packet)
    mux(source, torch.zeros(2, 96000), tmp_path / "out.mkv")
    assert _packets(tmp_path / "out.mkv", "subtitles") == [b"hello", b"bye"]
    mux(source, torch.zeros(2, 96000), tmp_path / "out.mp4")
    assert len(_packets(tmp_path / "out.mp4")) == 60


def test_hevc_is_tagged_as_apple_wants_it(constant_clip, tmp_path):
    if "libx265" not in av.codecs_available:
        pytest.skip("this PyAV cannot encode HEVC")
    options = {"x265-params": "log-level=none"}
    source = constant_clip("in.mkv", Fraction(30), codec="libx265", options=options)
    mux(source, torch.zeros(2, 96000), tmp_path / "out.mp4")
    assert b"hvc1" in (tmp_path / "out.mp4").read_bytes()
    assert open_video(tmp_path / "out.mp4").count == 60
