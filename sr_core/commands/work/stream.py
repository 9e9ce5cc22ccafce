"""Implementation of `stream`: sound for one live video, until its end or a signal."""

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
from ..arguments import FORMATS, MUXED, settings_of
from ..console import is_closed_pipe, let_go, say
from .generate import best_device, encode_texts, load, read_prompt


class AudioSink(Protocol):
    """An output for sound: a file, a pipe or the sound card."""

    def write_audio(self, piece: np.ndarray) -> None: ...  # (2 s)

    def close(self, end: Fraction | None = None) -> None: ...


def stream(options: argparse.Namespace) -> Path | None:
    """Run the verb `stream`; returns the written file, None for other outputs."""
    if options.output not in (None, "-"):
        growing_container(options.output)
    pipeline = load(options, best_device(options.device))
    settings = settings_of(options, pipeline.recommended, length=None)
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
    """Open all outputs; the file is created only here, after the video has given a frame."""
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
    """Generates the sound of each frame time; a dropped frame is replaced by the previous one."""

    def __init__(
        self,
        pipeline: Pipeline,
        settings: Settings,
        seed: int,
        prompt: Tensor | None,
        gain: float,
        texts: list[tuple[int, Any]],
    ) -> None:
        self.pipeline, self.gain, self.meter = pipeline, gain, Meter()
        self.texts = sorted(texts, key=lambda text: text[0])
        self.channels = max(2, pipeline.config.audio.audio_channels)  # mono is copied to both
        # Samples per frame.
        self.samples = pipeline.samples_per_step // pipeline.model.frames_per_step
        start = pipeline.start(settings, seed, prompt=prompt)
        self.session = Session(pipeline, start, warnings.warn)
        self.latest: Tensor | None = None  # last frame, (1 1 3 h w) uint8

    def warm_up(self, picture: LivePicture) -> None:
        """Run one step before the clock starts: the first one is slow."""
        self.session.warm_up(torch.zeros(1, 1, 3, picture.height, picture.width, dtype=torch.uint8))

    def sound(self, frame_time: FrameTime) -> np.ndarray:  # -> (c s)
        """The sound after one more frame; silence for one that is too late.

        It is silence too for a late frame before which there was none that could be repeated.
        """
        if frame_time.picture is not None:
            self.latest = frame_time.picture()[None, None]
        if frame_time.silent or self.latest is None:
            return np.zeros((self.channels, self.samples), np.float32)
        while self.texts and self.texts[0][0] <= frame_time.number:
            self.session.replace_text(self.texts.pop(0)[1])
        return self._output(self.session.step(self.latest))

    def rest(self) -> np.ndarray:  # -> (c s)
        """The sound of an incomplete last step, completed by repeating the last frame."""
        pieces = [np.zeros((self.channels, 0), np.float32)]
        while self.latest is not None and self.session.incomplete:
            pieces.append(self._output(self.session.step(self.latest)))
        return np.concatenate(pieces, axis=1)

    def _output(self, waveform: Tensor) -> np.ndarray:  # (1 c s) -> (c s)
        sound = waveform[0].float().cpu() * self.gain
        self.meter.add(sound)
        return sound.expand(self.channels, -1).numpy()


class _Run:
    """The main loop of a stream: reads frames, generates sound and writes it."""

    def __init__(
        self, options: argparse.Namespace, picture: LivePicture, player: LiveGenerator
    ) -> None:
        self.options, self.picture, self.player = options, picture, player
        self.rate = player.pipeline.frame_rate
        live = options.input != "-" and is_live(options.input)
        real = options.realtime or options.play or live
        self.by_clock = live or (real and options.input == "-")
        self.pace = Pace(self.rate, real)
        self.latencies = LatencyHistogram(float(1 / self.rate), real)
        if real:
            player.warm_up(picture)
        self.sinks = _sinks(options, picture, player.channels)

    def go(self) -> None:
        reader = ReaderThread(self.picture, self._write_video)
        began = time.monotonic()
        try:
            with ending_by_signal(reader.stop):
                self._generate(reader)
        except BaseException as error:
            if not is_closed_pipe(error):
                with suppress(Exception):  # would hide the first error
                    self._close(reader)
                raise
            say("the reader of the sound closed the pipe")
            let_go()
        self._close(reader)
        meter = self.player.meter
        written = any(isinstance(sink, Recording) for sink in self.sinks)
        for message in meter.faintness() if written else meter.complaints():
            warnings.warn(message, stacklevel=2)
        say(self.latencies.report(time.monotonic() - began))

    def _close(self, reader: ReaderThread) -> None:
        """Close the reader, then all sinks, also if closing one of them fails."""
        reader.close()
        with ExitStack() as closing:
            for sink in self.sinks:
                closing.enter_context(suppress(BrokenPipeError))
                closing.callback(sink.close, self._end(reader))

    def _generate(self, reader: ReaderThread) -> None:
        choose = frame_times_by_clock if self.by_clock else frame_times_by_source
        # disable=None: on a terminal only
        with tqdm(unit="frame", file=sys.stderr, dynamic_ncols=True, disable=None) as bar:
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

    def _write_video(self, read: Read) -> None:
        for sink in self.sinks:
            if isinstance(sink, Recording):
                sink.write_video(read)

    def _is_over(self, frame_time: FrameTime) -> bool:
        seconds = self.options.seconds
        return seconds is not None and frame_time.number / self.rate >= seconds

    def _end(self, reader: ReaderThread) -> Fraction:
        """Seconds of video whose sound was written."""
        generated = self.latencies.frames / self.rate
        ends = [generated, self.options.seconds or generated]
        if reader.finished and not self.by_clock:
            ends.append(self.picture.end)
        return min(ends)


@contextmanager
def ending_by_signal(end: Callable[[], None]) -> Iterator[None]:
    """Make the first termination signal call `end`; the second one has its default effect."""
    with ExitStack() as handled:

        def handle(number: int, frame: FrameType | None) -> None:
            handled.close()
            end()

        handled.enter_context(on_ending(handle))
        yield
