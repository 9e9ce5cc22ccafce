"""Reading and resampling sound with PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

import av
import numpy as np
import torch
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from torch import Tensor

from .channel_layout import Planar, settle_order
from .clock import packets_of
from .source import MediaError, Source, name_of, open_source, tick_of

FILTER_SAMPLES = 256  # samples of silence that flush the resampling filter
LONGEST_PADDING = 4096  # samples of padding after the end of the sound, at most


class Decoded(NamedTuple):
    """The sound of one decoded frame."""

    time: Fraction | None  # of the first sample, in seconds; None if the file gives none
    rate: int
    wave: np.ndarray  # (c s) float32


def read_audio(source: Source, stereo: bool = False) -> tuple[Tensor, int]:  # -> (c s), rate
    """Decode the first sound stream of any file to float32, without codec delay and padding.

    `stereo` mixes more than two channels down to two, as FFmpeg does. Sound whose rate or number
    of channels changes is always mixed to stereo, at its first rate.
    Raises MediaError if no sound can be decoded.
    """
    with open_source(source) as container:
        stream = sound_stream(container, source)
        decoded = list(decode_sound(container, stream, source, stereo))
        seconds = stream.duration * tick_of(stream) if stream.duration else None
    if not decoded:
        raise MediaError(f"{name_of(source)}: its sound cannot be decoded; convert it to WAV")
    rate = decoded[0].rate
    if len({(piece.rate, piece.wave.shape[0]) for piece in decoded}) > 1:
        return _joined(source, rate), rate
    waveform = np.concatenate([piece.wave for piece in decoded], axis=1)
    length = None if seconds is None else round(seconds * rate)
    if length and 0 < waveform.shape[1] - length < LONGEST_PADDING:
        waveform = waveform[:, :length]
    return torch.from_numpy(np.ascontiguousarray(waveform)), rate


def _joined(source: Source, rate: int) -> Tensor:  # -> (2 s)
    """Decode sound whose format changes to stereo at one rate."""
    with open_source(source) as container:
        decoded = decode_sound(container, sound_stream(container, source), source, stereo=True)
        parts = []
        for own, pieces in groupby(decoded, key=lambda piece: piece.rate):
            both = [np.broadcast_to(piece.wave, (2, piece.wave.shape[1])) for piece in pieces]
            parts.append(resample(torch.from_numpy(np.concatenate(both, axis=1)), own, rate))
    return torch.cat(parts, dim=1)


def sound_stream(container: InputContainer, source: Source, track: int = 0) -> AudioStream:
    """Return sound stream number `track`; MediaError if there is none, or no decoder for it."""
    if not container.streams.audio:
        raise MediaError(f"{name_of(source)} has no sound; give a file with a sound stream")
    stream = container.streams.audio[track]
    if stream.codec_context is None:
        raise MediaError(
            f"{name_of(source)} has sound in a codec this FFmpeg cannot read; convert it to WAV"
        )
    return stream


def decode_sound(
    container: InputContainer, stream: AudioStream, source: Source, stereo: bool = False
) -> Iterator[Decoded]:
    """Yield the sound of each decoded frame.

    `stereo` as in `read_audio`. Raises MediaError for a channel layout that cannot be decoded
    safely, or that has no stereo mix.
    """
    planar = Planar(settle_order(stream, source, stereo), stereo)
    for packet in packets_of(container, [stream]):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue  # damaged packet: the times of the next ones show the gap
        for frame in frames:
            tick = frame.time_base
            time = None if frame.pts is None or tick is None else frame.pts * tick
            try:
                waves = list(planar(frame))
            except ValueError as error:  # FFmpegError is a ValueError too
                raise MediaError(
                    f"{name_of(source)}: its sound of layout {frame.layout.name} has no mix to "
                    "stereo; mix it down first"
                ) from error
            for wave in waves:
                yield Decoded(time, frame.sample_rate, wave)


def resample(waveform: Tensor, source_rate: int, target_rate: int) -> Tensor:
    """Resample (..., s) to ceil(s * target / source) samples, without delay, as float32."""
    if source_rate < 1 or target_rate < 1:
        raise ValueError(f"got rates {source_rate} and {target_rate}; expected 1 Hz or more")
    flat = waveform.detach().to("cpu", torch.float32).reshape(-1, waveform.shape[-1])
    if source_rate == target_rate:
        return flat.reshape(waveform.shape).clone()
    length = -(-waveform.shape[-1] * target_rate // source_rate)
    out = torch.zeros(len(flat), length)
    for channel, result in zip(flat, out, strict=True):
        samples = _resample_channel(channel.numpy(), source_rate, target_rate)[:length]
        result[: len(samples)] = torch.from_numpy(samples)
    return out.reshape(*waveform.shape[:-1], length)


def _resample_channel(samples: np.ndarray, source_rate: int, target_rate: int) -> np.ndarray:
    # The filter holds samples back until more follow: append silence.
    padded = np.pad(samples, (0, FILTER_SAMPLES * -(-source_rate // target_rate)))
    resampler = AudioResampler("fltp", "mono", target_rate)
    frame = AudioFrame.from_ndarray(padded[None], "fltp", "mono")
    frame.sample_rate = source_rate
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray()[0] for part in parts])
