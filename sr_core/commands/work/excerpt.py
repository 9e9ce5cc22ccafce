"""An excerpt of a video: the seconds with the most onsets, at low resolution, for `smoke`."""

from __future__ import annotations

from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from ...evaluation.metrics.mel import log_mel
from ...evaluation.metrics.onsets import find_onsets, onset_strength
from ...io.read.frames import frames_from_images
from ...io.read.source import MediaError
from ...io.read.source_audio import SourceAudio
from ...io.read.video import VideoFrames, open_video
from ...io.write.mux import mux
from ...rates import FRAME_RATE, SAMPLE_RATE

SECONDS = 4  # duration of the excerpt
SEARCHED_SECONDS = 30  # seconds from the start of the video that are searched, at most
HEIGHT = 144  # pixels
PIECE = 8  # frames decoded at once, at most


def cut_excerpt(video: Path, target: Path) -> int:
    """Write the SECONDS with the most onsets to `target` (.mkv); returns their start in seconds.

    Raises MediaError if the video has no sound or is shorter than SECONDS.
    """
    frames = open_video(video)
    if not isinstance(frames, VideoFrames) or not frames.has_sound or frames.duration < SECONDS:
        raise MediaError(
            f"got '{video}' of {float(frames.duration):.1f} s"
            f"{'' if frames.has_sound else ' without sound'}; "
            f"expected {SECONDS} s or more, with sound"
        )
    seconds = min(SEARCHED_SECONDS, int(frames.duration))
    sound = SourceAudio(frames.source, frames.info.start)
    waveform = torch.from_numpy(sound.read(seconds * SAMPLE_RATE).copy())
    sound.close()
    start = _busiest(waveform)
    excerpt = waveform[:, start * SAMPLE_RATE : (start + SECONDS) * SAMPLE_RATE]
    target.parent.mkdir(parents=True, exist_ok=True)
    mux(frames_from_images(_pictures(frames, start * FRAME_RATE), FRAME_RATE), excerpt, target)
    return start


def _busiest(waveform: Tensor) -> int:  # (c s) -> seconds
    onsets = find_onsets(onset_strength(log_mel(waveform)))
    starts = range(waveform.shape[-1] // SAMPLE_RATE - SECONDS + 1)
    return max(starts, key=lambda s: int(((onsets >= s) & (onsets < s + SECONDS)).sum()))


def _pictures(frames: VideoFrames, first: int) -> Tensor:  # -> (t h w 3), 0..1
    width = max(2, round(HEIGHT * frames.width / frames.height / 2) * 2)
    pictures, at, end = [], 0, first + SECONDS * FRAME_RATE
    for piece in frames.pieces(frames.fitting(PIECE)):
        wanted = piece[max(0, first - at) : end - at]
        if len(wanted):
            small = F.interpolate(wanted.float(), (HEIGHT, width), mode="bilinear", antialias=True)
            pictures.append(rearrange(small / 255, "t c h w -> t h w c"))
        at += len(piece)
        if at >= end:
            break
    return torch.cat(pictures)
