"""Videos -> the same videos with generated sound."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from ..audio.signal import Meter, to_stereo
from ..checkpoint import bundled_checkpoint, load_pipeline
from ..io.audio import read_audio, resample
from ..io.frames import SAMPLE_RATE, Frames
from ..io.mux import mux
from ..io.source import MediaError, videos_in
from ..io.video import open_video
from ..sampling.pipeline import PIECE, Pipeline
from ..sampling.settings import CONTEXTS, HISTORIES, METHODS, Settings

HELP = "generate sound for a video, several, or all in a folder; the picture is copied untouched"
EXAMPLES = """\
examples:
  python -m sr_core generate clip.mp4 -o clip-with-sound.mp4 --seed 1
  python -m sr_core generate clips/ -o out/ --model my-model.safetensors --steps 1
  python -m sr_core generate clip.mov -o clip.mov.mkv --old-sound mix --old-gain-db -6
"""
WRITABLE = {".mp4", ".mov", ".mkv", ".webm"}
SMALL = 50_000_000  # parameters
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO", help="files or folders")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="the file to write (.mp4 .mov .mkv .webm), or a folder for several videos",
    )
    parser.add_argument(
        "--model", type=Path, default=bundled_checkpoint(), help="checkpoint (default: bundled)"
    )
    _add_choices(parser)
    parser.add_argument("--prompt", type=Path, help="sound to continue from (its end is heard)")
    parser.add_argument("--device", help="cuda, mps, cpu (default: the best there is)")
    parser.add_argument("--threads", type=int, help="of the CPU (default: 1 for small models)")
    parser.add_argument("--dtype", choices=DTYPES, help="of the model (default: bfloat16 on CUDA)")
    parser.add_argument(
        "--old-sound",
        choices=("drop", "keep", "mix"),
        default="drop",
        help="what becomes of the video's own sound; keep makes it a second track",
    )
    parser.add_argument("--gain-db", type=float, default=0.0, help="of the new sound")
    parser.add_argument("--old-gain-db", type=float, default=0.0, help="of the old one, with mix")


def _add_choices(parser: argparse.ArgumentParser) -> None:
    default = Settings()
    parser.add_argument("--seed", type=int, default=0, help="which of the possible sounds (0)")
    parser.add_argument(
        "--steps",
        type=int,
        default=default.steps,
        help=f"1-4: speed against quality; with heun 16 is good ({default.steps})",
    )
    parser.add_argument(
        "--guidance",
        type=float,
        default=default.guidance,
        help=f"how strictly the sound follows the picture; 1 is none ({default.guidance})",
    )
    parser.add_argument("--method", choices=METHODS, default=default.method)
    parser.add_argument("--context", choices=CONTEXTS, default=default.context)
    parser.add_argument("--null-history", choices=HISTORIES, default=default.null_history)


def run(options: argparse.Namespace) -> int:
    jobs = plan(options.videos, options.output)
    settings = Settings(
        steps=options.steps,
        guidance=options.guidance,
        method=options.method,
        context=options.context,
        null_history=options.null_history,
        length=1,  # each video has its own, but what else is wrong should show before any work
    )
    pipeline = _load(options)
    prompt = _read_prompt(options.prompt, pipeline) if options.prompt else None
    failed = 0
    for source, target in jobs:
        try:
            _generate_one(source, target, pipeline, settings, prompt, options)
            print(target, flush=True)
        except (ValueError, OSError) as error:
            if len(jobs) == 1:
                raise
            failed += 1
            print(f"error: {source}: {error}", file=sys.stderr)
    if len(jobs) > 1:
        print(f"{len(jobs) - failed} of {len(jobs)} videos done, {failed} failed", file=sys.stderr)
    return 2 if failed else 0


def plan(videos: list[Path], output: Path) -> list[tuple[Path, Path]]:
    """Which video goes where; raises ValueError before any work where two would collide."""
    folder = len(videos) > 1 or videos[0].is_dir() or output.is_dir()
    if not folder:
        return [(videos[0], output)]
    if output.suffix and not output.is_dir():
        raise ValueError(f"got {output} for several videos; expected a folder to write them to")
    sources = [source for video in videos for source in videos_in(video)]
    jobs = [(source, output / _target_name(source)) for source in sources]
    taken: dict[Path, Path] = {}
    for source, target in jobs:
        if target in taken:
            raise ValueError(
                f"got {taken[target]} and {source}, which would both become {target}; expected "
                "different names; give them in separate runs with separate folders"
            )
        if target.exists() and target.samefile(source):
            raise ValueError(
                f"got {output} as output, where {source} itself lies and would be overwritten; "
                "expected another folder"
            )
        taken[target] = source
    return jobs


def _target_name(source: Path) -> str:
    return source.name if source.suffix.lower() in WRITABLE else f"{source.stem}.mp4"


def _load(options: argparse.Namespace) -> Pipeline:
    device = options.device or _best_device()
    half = "bfloat16" if device.startswith("cuda") else "float32"
    pipeline = load_pipeline(options.model, device=device, dtype=DTYPES[options.dtype or half])
    # Threads that wait for each other at every tiny tensor gain a small model nothing, and on a
    # busy machine they cost it far more than they could.
    small = sum(p.numel() for p in pipeline.parameters()) < SMALL
    if options.threads or (small and device == "cpu"):
        torch.set_num_threads(options.threads or 1)
    if pipeline.origin.get("stage") == "untrained":
        warnings.warn(
            f"{options.model.name} is untrained: its weights are random and so is its sound",
            stacklevel=2,
        )
    return pipeline


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _read_prompt(path: Path, pipeline: Pipeline) -> Tensor:  # -> (1 2 s), whole latents
    audio = pipeline.config.audio
    waveform, rate = read_audio(path)
    waveform = to_stereo(resample(waveform, rate, audio.sample_rate)[None])
    whole = waveform.shape[-1] // audio.hop * audio.hop
    if not whole:
        raise ValueError(
            f"got a prompt of {waveform.shape[-1]} samples; expected at least one latent's "
            f"{audio.hop}"
        )
    return waveform[..., waveform.shape[-1] - whole :]


def _generate_one(
    source: Path,
    target: Path,
    pipeline: Pipeline,
    settings: Settings,
    prompt: Tensor | None,
    options: argparse.Namespace,
) -> None:
    frames = open_video(source, pipeline.config.frame_rate)
    settings = replace(settings, length=frames.count)
    if target.suffix.lower() not in WRITABLE:
        raise MediaError(f"got {target}; expected a name that ends in {' '.join(sorted(WRITABLE))}")
    meter = Meter()

    def tell(text: str) -> None:
        warnings.warn(f"{source}: {text}", stacklevel=2)

    drawn = pipeline.stream(_pieces(frames), settings, options.seed, prompt, tell)
    mux(
        frames,
        _sound(frames, drawn, meter),
        target,
        old_sound=options.old_sound,
        gain_db=options.gain_db,
        old_gain_db=options.old_gain_db,
    )
    for complaint in meter.complaints():
        warnings.warn(f"{target}: {complaint}", stacklevel=2)


def _pieces(frames: Frames) -> Iterator[Tensor]:  # yields (1 t 3 h w)
    return (piece[None] for piece in frames.pieces(PIECE))


def _sound(frames: Frames, waveforms: Iterable[Tensor], meter: Meter) -> Iterator[Tensor]:
    """Waveform pieces (c s) as they are drawn, with a progress bar on stderr."""
    began, done = time.monotonic(), 0
    with tqdm(total=frames.count, unit="frame", file=sys.stderr, dynamic_ncols=True) as bar:
        for waveform in waveforms:
            waveform = waveform[0].float().cpu()
            meter.add(waveform)
            done += waveform.shape[-1]
            speed = done / SAMPLE_RATE / (time.monotonic() - began)
            bar.set_postfix_str(f"{speed:.1f}x real time", refresh=False)
            bar.update(round(done * frames.rate / SAMPLE_RATE) - bar.n)
            yield waveform
