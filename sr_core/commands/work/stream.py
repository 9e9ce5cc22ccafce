"""The work of `stream`: one live video, one model, one sound, until the end or a signal."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ...audio.signal import Meter
from ...engine.session import Session
from ...io.live.frame_clock import FrameTime, Pace, frame_times_by_clock, frame_times_by_source
from ...io.live.latency_histogram import LatencyHistogram
from ...io.live.live_url import is_live
from ...io.live.raw import RawPicture
from ...io.live.reader_thread import ReaderThread
from ...io.live.recording import GROWING, Recording, growing_container
from ...io.live.source import LivePicture, LiveVideo, Read
from ...io.write.partial import sole_writer
from ...io.write.pcm import Pipe, Speaker
from ...parallel.signals import on_ending
from ...pipeline import Pipeline
from ...sampling.settings import Settings
from ..arguments import FORMATS, MUXED
from ..console import is_closed_pipe, let_go, say
from .generate import best_device, encode_texts, load, read_prompt


class AudioSink(Protocol):
    """Where sound goes."""

    def write_audio(self, piece: np.ndarray) -> None: ...  # (2 s)

    def close(self, end: Fraction | None = None) -> None: ...


def stream(options: argparse.Namespace, settings: Settings) -> Path | None:
    """Do what the options of `stream` say; the file that was written, if one was."""
    if options.output not in (None, "-"):
        growing_container(options.output)
    pipeline = load(options, best_device(options.device))
    prompt = read_prompt(options.prompt, pipeline) if options.prompt else None
    picture = _picture(options)
    texts = encode_texts(options, pipeline)
    gain = 10 ** (options.gain_db / 20)
    player = LiveGenerator(pipeline, settings, options.seed, prompt, gain, texts)
    if options.output in (None, "-"):
        _Run(options, picture, player).go()
        return None
    with sole_writer(Path(options.output)):
        _Run(options, picture, player).go()
    return Path(options.output)


def _picture(options: argparse.Namespace) -> LivePicture:
    if options.input != "-":
        return LiveVideo(options.input, options.size, options.rate, options.loop)
    clock = time.monotonic if options.realtime else None
    return RawPicture(sys.stdin.buffer, options.size, options.rate, clock)


def _sinks(options: argparse.Namespace, picture: LivePicture, channels: int) -> list[AudioSink]:
    """All that listen; the file is begun here, when it is known that there is a picture."""
    sinks: list[AudioSink] = [Speaker(channels)] if options.play else []
    if options.output not in (None, "-"):
        container = growing_container(options.output)
        path = str(Path(options.output).absolute())
        return [*sinks, Recording(path, container, picture, options.seconds, channels)]
    if options.output is None and options.play:
        return sinks
    if options.format in FORMATS:
        return [*sinks, Pipe(sys.stdout.buffer, options.format)]
    container = GROWING[MUXED[options.format]]
    return [*sinks, Recording("pipe:1", container, picture, options.seconds, channels)]


class LiveGenerator:
    """A session that generates the sound of each frame time, repeating the last one when late."""

    def __init__(
        self,
        pipeline: Pipeline,
        settings: Settings,
        seed: int,
        prompt: Tensor | None,
        gain: float,
        texts: list[tuple[int, Any]],
    ):
        self.pipeline, self.gain, self.meter = pipeline, gain, Meter()
        self.texts = sorted(texts, key=lambda text: text[0])
        self.channels = max(2, pipeline.config.audio.audio_channels)  # mono goes to both
        # Samples of a frame time.
        self.samples = pipeline.samples_per_step // pipeline.model.frames_per_step
        start = pipeline.start(settings, seed, prompt=prompt)
        self.session = Session(pipeline, start, warnings.warn)
        self.seen: Tensor | None = None  # (1 1 3 h w) uint8

    def warm_up(self, picture: LivePicture) -> None:
        """Let all that is slow once be slow before the clock runs."""
        self.session.warm_up(torch.zeros(1, 1, 3, picture.height, picture.width, dtype=torch.uint8))

    def sound(self, frame_time: FrameTime) -> np.ndarray:  # -> (c s)
        """The sound that one frame time completes."""
        if frame_time.silent:
            return np.zeros((self.channels, self.samples), np.float32)
        if frame_time.picture is not None:
            self.seen = frame_time.picture()[None, None]
        while self.texts and self.texts[0][0] <= frame_time.number:
            self.session.replace_text(self.texts.pop(0)[1])
        return self._given(self.session.step(self.seen))

    def rest(self) -> np.ndarray:  # -> (c s)
        """The sound of a step that the picture's end left incomplete, its last frame repeated."""
        pieces = [np.zeros((self.channels, 0), np.float32)]
        while self.session.incomplete:
            pieces.append(self._given(self.session.step(self.seen)))
        return np.concatenate(pieces, axis=1)

    def _given(self, waveform: Tensor) -> np.ndarray:  # (1 c s) -> (c s)
        sound = waveform[0].float().cpu() * self.gain
        self.meter.add(sound)
        return sound.expand(self.channels, -1).numpy()


class _Run:
    """The loop of a stream: read frames, generate sound, write it, and end."""

    def __init__(self, options: argparse.Namespace, picture: LivePicture, player: LiveGenerator):
        self.options, self.picture, self.player = options, picture, player
        self.rate = player.pipeline.frame_rate
        live = options.input != "-" and is_live(options.input)
        real = options.realtime or options.play or live
        self.by_clock = live or (real and options.input == "-")
        self.pace, self.latencies = (
            Pace(self.rate, real),
            LatencyHistogram(float(1 / self.rate), real),
        )
        if real:
            player.warm_up(picture)
        self.sinks = _sinks(options, picture, player.channels)

    def go(self) -> None:
        reader = ReaderThread(self.picture, self._see)
        began = time.monotonic()
        try:
            with ending_by_signal(reader.stop):
                self._generate(reader)
        except BaseException as error:
            if not is_closed_pipe(error):
                with suppress(Exception):  # the first error is the one to be told
                    self._close(reader)
                raise
            say("the reader of the sound has gone")
            let_go()
        self._close(reader)
        meter = self.player.meter
        written = any(isinstance(sink, Recording) for sink in self.sinks)
        for complaint in meter.faintness() if written else meter.complaints():
            warnings.warn(complaint, stacklevel=2)
        say(self.latencies.report(time.monotonic() - began))

    def _close(self, reader: ReaderThread) -> None:
        """Let go of the picture, then of all that listen, also where one of them fails."""
        reader.close()
        with ExitStack() as closing:
            for sink in self.sinks:
                closing.enter_context(suppress(BrokenPipeError))
                closing.callback(sink.close, self._end(reader))

    def _generate(self, reader: ReaderThread) -> None:
        choose = frame_times_by_clock if self.by_clock else frame_times_by_source
        look = dict(unit="frame", file=sys.stderr, dynamic_ncols=True, disable=None)
        with tqdm(**look) as bar:  # on a terminal only
            for frame_time in choose(reader, self.rate, self.pace):
                if self._is_over(frame_time) or (reader.ended and not reader.finished):
                    break
                self._write(self.player.sound(frame_time))
                latency = self.pace.clock() - frame_time.due
                self.latencies.add(latency, frame_time.picture is None, frame_time.silent)
                bar.update()
        self._write(self.player.rest())

    def _write(self, sound: np.ndarray) -> None:  # (c s), s may be 0
        for sink in self.sinks if sound.shape[1] else ():
            sink.write_audio(sound)

    def _see(self, read: Read) -> None:
        for sink in self.sinks:
            if isinstance(sink, Recording):
                sink.write_video(read)

    def _is_over(self, frame_time: FrameTime) -> bool:
        seconds = self.options.seconds
        return seconds is not None and frame_time.number / self.rate >= seconds

    def _end(self, reader: ReaderThread) -> Fraction:
        """Seconds of video whose sound was written."""
        heard = self.latencies.frames / self.rate
        ends = [heard, self.options.seconds or heard]
        if reader.finished and not self.by_clock:
            ends.append(self.picture.end)
        return min(ends)


@contextmanager
def ending_by_signal(end: Callable[[], None]) -> Iterator[None]:
    """Let a signal that asks for the end call `end` once; the second does what it always did."""
    with ExitStack() as handled:

        def handle(number: int, frame: FrameType | None) -> None:
            handled.close()
            end()

        handled.enter_context(on_ending(handle))
        yield
