"""A loaded model that gives videos their sound, as the options of `generate` say."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from ..audio.signal import Meter, to_stereo
from ..checkpoint import bundled_checkpoint, load_pipeline
from ..engine.offline import PIECE, stream
from ..io.read.audio import read_audio, resample
from ..io.read.frames import SAMPLE_RATE, Frames
from ..io.read.source import MediaError
from ..io.read.video import open_video
from ..io.write.mux import mux
from ..pipeline import Pipeline
from .arguments import WRITABLE, settings_of


class Generator:
    """A model, loaded once, that gives one video after another its sound."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.pipeline = load(options, device_of(options))
        self.prompt = read_prompt(options.prompt, self.pipeline) if options.prompt else None

    def __call__(self, job: tuple[Path, Path]) -> None:
        source, target = job
        options = self.options
        frames = open_video(source, self.pipeline.config.frame_rate)
        settings = settings_of(options, frames.count)
        if target.suffix.lower() not in WRITABLE:
            raise MediaError(f"got {target}; expected a name that ends in {' '.join(WRITABLE)}")
        meter = Meter()
        bar = not (options.workers or options.ray)  # of several workers each would tear the others'

        def tell(text: str) -> None:
            warnings.warn(f"{source}: {text}", stacklevel=2)

        drawn = stream(self.pipeline, _pieces(frames), settings, options.seed, self.prompt, tell)
        mux(
            frames,
            _sound(frames, drawn, meter, bar),
            target,
            old_sound=options.old_sound,
            gain_db=options.gain_db,
            old_gain_db=options.old_gain_db,
            encode=options.encode,
        )
        for complaint in meter.faintness():
            warnings.warn(f"{target}: {complaint}", stacklevel=2)


def device_of(options: argparse.Namespace) -> str:
    """The best there is; on a cluster only what was asked for, as its machines may differ."""
    return best_device(options.device or ("cpu" if options.ray else None))


def best_device(wish: str | None) -> str:
    """What was asked for, or the best there is."""
    if wish:
        return wish
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def model_of(options: argparse.Namespace) -> Path:
    """The checkpoint that the options name, or the bundled one."""
    return options.model or bundled_checkpoint()


def load(options: argparse.Namespace, device: str) -> Pipeline:
    """Load the model that the options name, and give it as many threads as it can use."""
    half = "bfloat16" if device.startswith("cuda") else "float32"
    pipeline = load_pipeline(
        model_of(options), device=device, dtype=getattr(torch, options.dtype or half)
    )
    use_threads(options.threads, pipeline)
    if pipeline.origin.get("stage") == "untrained":
        warnings.warn(
            f"{model_of(options).name} is untrained: its weights are random and so is its sound",
            stacklevel=2,
        )
    return pipeline


def use_threads(asked: int | None, pipeline: Pipeline) -> None:
    """As many as asked for, else as suit the model; also for what this process does beside it."""
    pipeline.threads = asked
    with pipeline.computing():
        threads = torch.get_num_threads()
    torch.set_num_threads(threads)


def read_prompt(path: Path, pipeline: Pipeline) -> Tensor:  # -> (1 2 s), whole latents
    """The end of a sound file, to continue from."""
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


def _pieces(frames: Frames) -> Iterator[Tensor]:  # yields (1 t 3 h w)
    return (piece[None] for piece in frames.pieces(frames.fitting(PIECE)))


def _sound(
    frames: Frames, waveforms: Iterable[Tensor], meter: Meter, shown: bool
) -> Iterator[Tensor]:
    """Waveform pieces (c s) as they are drawn, with a progress bar on stderr if asked."""
    began, done = time.monotonic(), 0
    look = dict(unit="frame", file=sys.stderr, dynamic_ncols=True, disable=not shown)
    with tqdm(total=frames.count, **look) as bar:
        for waveform in waveforms:
            waveform = waveform[0].float().cpu()
            meter.add(waveform)
            done += waveform.shape[-1]
            speed = done / SAMPLE_RATE / (time.monotonic() - began)
            bar.set_postfix_str(f"{speed:.1f}x real time", refresh=False)
            bar.update(round(done * frames.rate / SAMPLE_RATE) - bar.n)
            yield waveform
