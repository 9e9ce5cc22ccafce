"""A video -> clips of equal length, with frames and waveform in exact sync."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ...io.read.frames import Frames
from ...io.read.source import MediaError
from ...io.read.source_audio import SourceAudio
from ...io.read.video import open_video
from ...rates import FRAME_RATE, HOP

PIECE = 8  # frames looked at together, where nothing else is said


@dataclass(frozen=True)
class ClipConfig:
    """How videos are cut, and what is left out."""

    seconds: float = 8.0
    silence_db: float = -60.0  # RMS below which a clip is silent
    stillness: float = 0.3  # mean change from frame to frame, of 255, below which it is static

    @property
    def frames(self) -> int:
        return round(self.seconds * FRAME_RATE)


@dataclass
class Clip:
    number: int  # among the clips of its video
    start: float  # seconds
    seen: Tensor  # (t ...)
    waveform: Tensor  # (c s) float32, HOP samples a frame
    problem: str | None  # why it should be left out


def clips_of(
    video: Path,
    see: Callable[[Tensor], Tensor],
    config: ClipConfig,
    mirrored: bool = False,
    at_once: int = PIECE,
) -> Iterator[Clip]:
    """Yield the whole clips of a video; `see` turns `at_once` frames (t 3 h w) uint8, or what is
    left of a clip, into what is kept.

    A mirrored video is seen in a mirror and heard with its channels swapped.
    Raises MediaError where the video has no sound, cannot be read, or is shorter than a clip.
    """
    frames = open_video(video)
    if not frames.has_sound:
        raise MediaError(f"'{video}' has no sound; expected videos to learn from to have some")
    sound = SourceAudio(frames.source, frames.info.start)
    seen, changes, count, last = [], [], 0, None
    for piece in _pieces(frames, config.frames, at_once):
        piece = piece.flip(-1) if mirrored else piece
        small = F.adaptive_avg_pool2d(piece.float(), 16)
        before = small[:1] if last is None else last
        changes.append((small - torch.cat([before, small[:-1]])).abs().mean())
        seen.append(see(piece))
        last, count = small[-1:], count + len(piece)
        if count % config.frames == 0:
            start = (count - config.frames) / FRAME_RATE
            waveform = torch.from_numpy(sound.read(config.frames * HOP))
            waveform = waveform.flip(0) if mirrored else waveform
            change = float(torch.stack(changes).mean())
            number, problem = count // config.frames - 1, _problem(waveform, change, config)
            yield Clip(number, start, torch.cat(seen), waveform, problem)
            seen, changes = [], []
    if count < config.frames:
        raise MediaError(
            f"'{video}' has {count / FRAME_RATE:.1f} s; expected {config.seconds:g} or "
            "more, the length of a clip; give --seconds for shorter ones"
        )


def name_of_clips(video: Path) -> str:
    """What the clips of a video are called; WebDataset's keys end at the first dot."""
    return video.stem.replace(".", "_")


def _pieces(frames: Frames, length: int, at_once: int) -> Iterator[Tensor]:
    """Pieces that end where clips end."""
    left = length
    for block in frames.pieces(at_once):
        while len(block):
            take = min(left, len(block))
            yield block[:take]
            block, left = block[take:], left - take or length


def _problem(waveform: Tensor, change: float, config: ClipConfig) -> str | None:
    rms = waveform.square().mean().sqrt().item()
    level = 20 * math.log10(rms) if rms else -math.inf
    if level < config.silence_db:
        return f"silent: {level:.0f} dB, below {config.silence_db:g}"
    if change < config.stillness:
        return f"static: changes by {change:.2f} of 255 a frame, below {config.stillness:g}"
    return None
