"""Cuts a video into clips of equal length, with frames and waveform in exact sync."""

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
from ...io.read.video import VideoFrames, open_video
from ...rates import FRAME_RATE, HOP

PIECE = 8  # default number of frames encoded per call


@dataclass(frozen=True)
class ClipConfig:
    """Length of clips, and thresholds below which clips are left out."""

    seconds: float = 8.0
    silence_db: float = -60.0  # RMS level below which a clip is silent
    stillness: float = 0.3  # mean change per frame (0..255) below which a clip is static

    @property
    def frames(self) -> int:
        return round(self.seconds * FRAME_RATE)


@dataclass
class Clip:
    number: int  # index among the clips of its video
    start: float  # seconds
    seen: Tensor  # (t ...): encoded frames
    waveform: Tensor  # (c s) float32, HOP samples per frame
    problem: str | None  # reason to leave the clip out


def clips_of(
    video: Path,
    encode: Callable[[Tensor], Tensor],
    config: ClipConfig,
    mirrored: bool = False,
    at_once: int = PIECE,
) -> Iterator[Clip]:
    """Yields the complete clips of a video.

    `encode` converts frames (t 3 h w) uint8 to the stored form; it gets `at_once` frames per call,
    or fewer at the end of a clip. `mirrored` flips frames horizontally and swaps audio channels.
    Raises MediaError where the video has no sound, cannot be read, or is shorter than a clip.
    """
    frames = open_video(video)
    if not isinstance(frames, VideoFrames) or not frames.has_sound:
        raise MediaError(f"'{video}' has no sound; expected training videos to have a sound stream")
    sound = SourceAudio(frames.source, frames.info.start)
    encoded, changes, count, last = [], [], 0, None
    for piece in _pieces(frames, config.frames, at_once):
        piece = piece.flip(-1) if mirrored else piece
        small = F.adaptive_avg_pool2d(piece.float(), 16)
        previous = small[:1] if last is None else last
        changes.append((small - torch.cat([previous, small[:-1]])).abs().mean())
        encoded.append(encode(piece))
        last, count = small[-1:], count + len(piece)
        if count % config.frames == 0:
            start = (count - config.frames) / FRAME_RATE
            waveform = torch.from_numpy(sound.read(config.frames * HOP))
            waveform = waveform.flip(0) if mirrored else waveform
            change = float(torch.stack(changes).mean())
            number, problem = count // config.frames - 1, _problem(waveform, change, config)
            yield Clip(number, start, torch.cat(encoded), waveform, problem)
            encoded, changes = [], []
    if count < config.frames:
        raise MediaError(
            f"'{video}' has {count / FRAME_RATE:.1f} s; expected {config.seconds:g} or "
            "more, the length of a clip; give --seconds for shorter ones"
        )


def name_of_clips(video: Path) -> str:
    """Prefix of the keys of a video's clips; without dots, at which WebDataset keys end."""
    return video.stem.replace(".", "_")


def _pieces(frames: Frames, length: int, at_once: int) -> Iterator[Tensor]:
    """Pieces of up to `at_once` frames that do not cross the end of a clip (`length` frames)."""
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
