"""Small clips in which every frame shows its own number, as eight black or white bars."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

WIDTH, HEIGHT = 64, 48
RATES = {
    "8": Fraction(8),
    "12": Fraction(12),
    "16": Fraction(16),
    "23.976": Fraction(24000, 1001),
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
    "30": Fraction(30),
    "50": Fraction(50),
    "60": Fraction(60),
}


def _draw(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    bars = [255 if number >> bit & 1 else 0 for bit in range(8)]
    row = np.repeat(np.array(bars, np.uint8), -(-width // 8))[:width]
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))


def _read(frames: torch.Tensor) -> list[int]:  # (t 3 h w) -> numbers
    bars = frames.float().mean((1, 2)).unflatten(-1, (8, -1))[..., 2:-2].mean(-1) > 127
    return (bars * 2 ** torch.arange(8)).sum(-1).tolist()


def _encode(output, stream, pictures, ticks, tick, ends, pix_fmt, shift):
    lengths = {t - shift: e - t for t, e in zip(ticks, ends, strict=True)}

    def put(packets):
        for packet in packets:
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.duration = lengths.get(packet.pts, packet.duration)
            output.mux(packet)

    for picture, pts in zip(pictures, ticks, strict=True):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pix_fmt)
        frame.pts, frame.time_base = pts, tick
        put(stream.encode(frame))
    put(stream.encode(None))


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    """Write a clip whose n-th frame shows n at ticks[n] * tick; a tone of 440 Hz if asked."""

    def make(
        name, ticks, tick, *, codec="libx264", rate=30, size=(WIDTH, HEIGHT), pix_fmt="yuv420p",
        end=None, shift=0, options=None, muxer=None, pictures=None, sound=None, tags=None,
    ):  # fmt: skip
        ticks, tick = list(ticks), Fraction(tick)
        ends = [*ticks[1:], end if end is not None else 2 * ticks[-1] - ticks[-2]]
        muxer = dict(muxer or {})
        if Path(name).suffix in (".mp4", ".mov"):
            muxer.setdefault("video_track_timescale", str(tick.denominator))
        if pictures is None:
            pictures = [_draw(n % 256, *size) for n in range(len(ticks))]
        if options is None and codec == "libx264":
            options = {"preset": "veryfast", "g": "30"}
        with av.open(str(tmp_path / name), "w", options=muxer) as output:
            output.metadata.update(tags or {})
            stream = output.add_stream(codec, rate=rate, options=options or {})
            stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
            stream.codec_context.time_base = tick
            track = None
            if sound is not None:
                track = output.add_stream(sound["codec"], rate=sound["rate"])
                track.codec_context.layout = "stereo"
            _encode(output, stream, pictures, ticks, tick, ends, pix_fmt, shift)
            if track is not None:
                _add_sound(output, track, sound)
        return tmp_path / name

    return make


def _add_sound(output, track, sound):
    wave = np.ascontiguousarray(sound["wave"], dtype=np.float32)
    frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="stereo")
    frame.sample_rate, frame.pts = sound["rate"], sound.get("pts", 0)
    frame.time_base = Fraction(1, sound["rate"])
    for packet in [*track.encode(frame), *track.encode(None)]:
        output.mux(packet)


@pytest.fixture
def constant_clip(make_clip) -> Callable[..., Path]:
    """Write a clip of `seconds` at a constant rate; times exact where the container allows."""

    def make(name, rate, seconds=2, **kwargs):
        count = round(seconds * rate)
        if Path(name).suffix == ".avi":
            kwargs.setdefault("codec", "mpeg4")
        tick = 1 / rate
        period = 1
        if Path(name).suffix in (".mp4", ".mov"):
            tick, period = Fraction(1, rate.numerator * 8), rate.denominator * 8
        ticks = [n * period for n in range(count)]
        return make_clip(name, ticks, tick, rate=rate, end=count * period, **kwargs)

    return make


@pytest.fixture
def numbers() -> Callable[[object], list[int]]:
    """Read the numbers that Frames show, all pieces after one another."""
    return lambda frames: [n for piece in frames.pieces() for n in _read(piece)]


@pytest.fixture
def expected() -> Callable[..., list[int]]:
    """Say by brute force which frame is the latest at each k / 30."""

    def brute(times, count, rate=30):
        moments = [Fraction(k, rate) for k in range(count)]
        return [max(n for n, t in enumerate(times) if t <= moment) % 256 for moment in moments]

    return brute


@pytest.fixture
def rotate_header() -> Callable[[Path, tuple[int, int, int, int]], None]:
    """Write a, b, c, d of the display matrix into the first track header of an MP4."""

    def patch(path, matrix):
        data = bytearray(path.read_bytes())
        start = data.index(b"tkhd") + 4
        start += 4 + (32 if data[start] else 20) + 16
        a, b, c, d = (65536 * v for v in matrix)
        data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
        path.write_bytes(data)

    return patch


@pytest.fixture(params=list(RATES))
def rate(request) -> Fraction:
    return RATES[request.param]
