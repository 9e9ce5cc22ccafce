"""Decoded sound of any channel layout, read safely from PyAV and mixed down to stereo."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from .source import MediaError, Source, name_of

# Layouts with a native channel order, by FFmpeg's names (libavutil/channel_layout.c).
NATIVE = (
    "mono stereo 2.1 3.0 3.0(back) 4.0 quad quad(side) 3.1 5.0 5.0(side) 4.1 5.1 5.1(side) 6.0 "
    "6.0(front) hexagonal 6.1 6.1(back) 6.1(front) 7.0 7.0(front) 7.1 7.1(wide) 7.1(wide-side) "
    "octagonal hexadecagonal"
).split()
CUSTOM = re.compile(r"\d+ channels \((.+)\)")
FIELD = ["AMBI0", "AMBI1", "AMBI2", "AMBI3"]  # W, Y, Z, X of Ambisonics


def layout_of(stream: AudioStream) -> str:
    """FFmpeg's name of a stream's channel layout; a custom one is replaced in the stream by stereo.

    Since PyAV 17, a layout object with a custom order frees memory of the stream or frame that it
    was read from, and the process crashes later. So it is read once and replaced at once.
    """
    name = stream.codec_context.layout.name
    if CUSTOM.fullmatch(name):
        stream.codec_context.layout = "stereo"
    return name


def settle_order(stream: AudioStream, source: Source, stereo: bool = False) -> list[int] | None:
    """Make a stream with a custom channel order safe to decode; call it before decoding.

    Returns the indices that put its channels into native order, None if they already are; that of
    Ambisonics is W, Y, Z, X. PCM samples decode unchanged with any layout of as many channels.
    Raises MediaError for channels of no native layout, for codecs that carry the order in each
    frame, and for Ambisonics that is to be mixed to stereo.
    """
    context, own = stream.codec_context, CUSTOM.fullmatch(layout_of(stream))
    if own is None:
        return None
    names = own[1].split("+")
    if sorted(names) == FIELD and context.name.startswith("pcm_") and not stereo:
        context.layout = "quad"
        return [names.index(name) for name in FIELD]
    native = next((name for name in NATIVE if sorted(_names(name)) == sorted(names)), None)
    context.layout = native or "stereo"
    if native is None or not context.name.startswith("pcm_"):
        raise MediaError(
            f"{name_of(source)} has {context.name} sound in an order of channels ({own[1]}) that "
            "cannot be decoded safely; convert it to WAV in a usual order, or mix it to stereo"
        )
    return [names.index(name) for name in _names(native)]


def _names(layout: str) -> list[str]:
    return [channel.name for channel in AudioLayout(layout).channels]


class _Tools(NamedTuple):
    """The resamplers for frames of one format."""

    format: tuple[str, str, int]  # layout, sample format, rate
    packer: AudioResampler
    mixer: AudioResampler


class Planar:
    """Converts decoded frames of any format to float32 (c s); the layout may change."""

    def __init__(self, order: list[int] | None = None, stereo: bool = False):
        """`order` from `settle_order`; `stereo` mixes more than two channels down to two."""
        self.order, self.stereo = order, stereo
        self._tools: _Tools | None = None

    def __call__(self, frame: AudioFrame) -> Iterator[np.ndarray]:  # yields (c s)
        """Raises ValueError (an FFmpegError) for channels without positions, e.g. Ambisonics."""
        layout, rate = frame.layout.name, frame.sample_rate
        channels = frame.layout.nb_channels
        own, tools = (layout, frame.format.name, rate), self._tools
        if tools is None or tools.format != own:
            packer = AudioResampler("flt", layout, rate)
            tools = self._tools = _Tools(own, packer, AudioResampler("fltp", "stereo", rate))
        for packed in tools.packer.resample(frame):
            # Packed samples: PyAV reads outside memory after the eighth plane of a planar frame.
            wave = packed.to_ndarray().reshape(-1, channels).T
            wave = wave if self.order is None else wave[self.order]
            if self.stereo and channels > 2:
                yield from _mixed(wave, layout, rate, tools.mixer)
            else:
                yield np.ascontiguousarray(wave)


def _mixed(wave: np.ndarray, layout: str, rate: int, mixer: AudioResampler) -> Iterator[np.ndarray]:
    packed = np.ascontiguousarray(wave.T).reshape(1, -1)
    frame = AudioFrame.from_ndarray(packed, "flt", layout)
    frame.sample_rate = rate
    for mixed in mixer.resample(frame):
        yield mixed.to_ndarray()
