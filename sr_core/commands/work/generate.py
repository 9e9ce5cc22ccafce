"""Implementation of `generate`: a loaded model that generates the sound of videos."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from ...audio.signal import to_stereo
from ...checkpoint import bundled_checkpoint, load_pipeline
from ...io.choices import WRITABLE
from ...io.read.audio import read_audio, resample
from ...io.read.frames import Frames
from ...io.read.source import MediaError
from ...io.read.video import open_video
from ...pipeline import Pipeline
from ...rates import SAMPLE_RATE
from ...soundtrack.file import soundtrack, write_clip
from ..arguments import settings_of
from .targets import SeededJob


class Generator:
    """Loads the model once; a call generates the sound of one video and writes the file."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.pipeline = load(options, device_of(options))
        settings_of(options, self.pipeline.recommended)  # raises for invalid ones before any clip
        self.texts = encode_texts(options, self.pipeline)
        self.prompt = read_prompt(options.prompt, self.pipeline) if options.prompt else None

    def __call__(self, job: SeededJob) -> None:
        source, target, seed = job
        options = self.options
        frames = open_video(source, self.pipeline.frame_rate)
        settings = settings_of(options, self.pipeline.recommended, frames.count)
        if target.suffix.lower() not in WRITABLE:
            raise MediaError(f"got {target}; expected a name that ends in {' '.join(WRITABLE)}")
        bar = not (options.workers or options.ray)  # bars of several workers would overlap

        def warn(text: str) -> None:
            warnings.warn(f"{source}: {text}", stacklevel=2)

        sound = soundtrack(
            self.pipeline,
            frames,
            settings,
            seed,
            self.prompt,
            warn,
            self.texts,
        )
        meter = write_clip(
            self.pipeline,
            frames,
            _with_progress(frames, sound, bar),
            target,
            options.old_sound,
            options.gain_db,
            options.old_gain_db,
            options.encode,
        )
        for message in meter.faintness():
            warnings.warn(f"{target}: {message}", stacklevel=2)


def device_of(options: argparse.Namespace) -> str:
    """The best available device; on a cluster, whose machines may differ, cpu by default."""
    return best_device(options.device or ("cpu" if options.ray else None))


def best_device(requested: str | None) -> str:
    """The requested device, or the first available one of cuda, mps, cpu."""
    if requested:
        return requested
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def model_of(options: argparse.Namespace) -> Path:
    """The checkpoint that the options name, or the bundled one."""
    return options.model or bundled_checkpoint()


def load(options: argparse.Namespace, device: str) -> Pipeline:
    """Load the model that the options name, and set the number of threads."""
    half = "bfloat16" if device.startswith("cuda") else "float32"
    pipeline = load_pipeline(
        model_of(options), device=device, dtype=getattr(torch, options.dtype or half)
    )
    use_threads(options.threads, pipeline)
    for message in pipeline.complaints():
        warnings.warn(f"{model_of(options).name} {message}", stacklevel=2)
    return pipeline


def encode_texts(options: argparse.Namespace, pipeline: Pipeline) -> list[tuple[int, Any]]:
    """Pairs (first frame, encoded text) of the option --text."""
    encode, rate = pipeline.model.encode_text, pipeline.frame_rate
    with torch.inference_mode(), pipeline.computing():
        return [(round(seconds * rate), encode(text)) for seconds, text in options.text]


def use_threads(asked: int | None, pipeline: Pipeline) -> None:
    """Set the requested number of threads, else the model's default; also for torch's own."""
    pipeline.threads = asked
    with pipeline.computing():
        threads = torch.get_num_threads()
    torch.set_num_threads(threads)


def read_prompt(path: Path, pipeline: Pipeline) -> Tensor:  # -> (1 2 s), whole latents
    """Read a sound file to continue from; its start is cut to a whole number of latents."""
    audio = pipeline.config.audio
    waveform, rate = read_audio(path, stereo=True)
    waveform = to_stereo(resample(waveform, rate, audio.sample_rate)[None])
    whole = waveform.shape[-1] // audio.hop * audio.hop
    if not whole:
        raise ValueError(
            f"got a prompt of {waveform.shape[-1]} samples; expected at least one latent's "
            f"{audio.hop}"
        )
    return waveform[..., waveform.shape[-1] - whole :]


def _with_progress(frames: Frames, sound: Iterable[Tensor], shown: bool) -> Iterator[Tensor]:
    """Yield the waveform pieces (c s) unchanged, with a progress bar on stderr if `shown`."""
    began, done = time.monotonic(), 0
    with tqdm(
        total=frames.count,
        unit="frame",
        file=sys.stderr,
        dynamic_ncols=True,
        disable=not shown,
    ) as bar:
        for waveform in sound:
            done += waveform.shape[-1]
            speed = done / SAMPLE_RATE / (time.monotonic() - began)
            bar.set_postfix_str(f"{speed:.1f}x real time", refresh=False)
            bar.update(round(done * frames.rate / SAMPLE_RATE) - bar.n)
            yield waveform
