"""Sound of any number of channels, taken from FFmpeg without harm and mixed down to stereo."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from .source import MediaError, Source, name_of

# Layouts with an order of their own, in FFmpeg's names (libavutil/channel_layout.c).
NATIVE = (
    "mono stereo 2.1 3.0 3.0(back) 4.0 quad quad(side) 3.1 5.0 5.0(side) 4.1 5.1 5.1(side) 6.0 "
    "6.0(front) hexagonal 6.1 6.1(back) 6.1(front) 7.0 7.0(front) 7.1 7.1(wide) 7.1(wide-side) "
    "octagonal hexadecagonal"
).split()


def settle_order(stream: AudioStream, source: Source) -> list[int] | None:
    """Make a stream with an order of channels of its own safe to decode, before that is done.

    Gives the order in which its channels are to be taken, None for a stream that has a usual one.
    From PyAV 17 on an object that describes such an order frees what belongs to the stream or
    frame that it was read from, and the process dies sooner or later. So it is read once, and the
    stream gets a usual order at once, which plain samples are then decoded in.
    Raises MediaError for channels that no usual layout has, and for codecs that bring the order
    along in each frame.
    """
    context = stream.codec_context
    own = re.fullmatch(r"\d+ channels \((.+)\)", context.layout.name)
    if own is None:
        return None
    names = own[1].split("+")
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


class Planar:
    """Decoded frames of any format as float32 (c s), their layout changing as it likes."""

    def __init__(self, order: list[int] | None = None, stereo: bool = False):
        """`order` is that of `settle_order`; `stereo` mixes more than two channels down to two."""
        self.order, self.stereo = order, stereo
        self._format: tuple[str, str, int] | None = None
        self._packer: AudioResampler | None = None
        self._mixer: AudioResampler | None = None

    def __call__(self, frame: AudioFrame) -> Iterator[np.ndarray]:  # yields (c s)
        """Raises ValueError (an FFmpegError) for channels without places, as Ambisonics has."""
        layout, rate = frame.layout.name, frame.sample_rate
        channels = frame.layout.nb_channels
        if self._format != (layout, frame.format.name, rate):
            self._format = (layout, frame.format.name, rate)
            self._packer = AudioResampler("flt", layout, rate)
            self._mixer = AudioResampler("fltp", "stereo", rate)
        for packed in self._packer.resample(frame):
            # Not the planes of a planar frame: PyAV reads past the eighth, where memory ends.
            wave = packed.to_ndarray().reshape(-1, channels).T
            wave = wave if self.order is None else wave[self.order]
            if self.stereo and channels > 2:
                yield from self._mixed(wave, layout, rate)
            else:
                yield np.ascontiguousarray(wave)

    def _mixed(self, wave: np.ndarray, layout: str, rate: int) -> Iterator[np.ndarray]:
        packed = np.ascontiguousarray(wave.T).reshape(1, -1)
        frame = AudioFrame.from_ndarray(packed, "flt", layout)
        frame.sample_rate = rate
        for mixed in self._mixer.resample(frame):
            yield mixed.to_ndarray()
