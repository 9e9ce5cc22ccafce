"""Clips to evaluate on: a video with sound, perhaps an event log, and whether it is dense."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from ...audio.torchaudio_loader import load_torchaudio
from ...io.read.source import MediaError, name_of, videos_in
from ...io.read.source_audio import SourceAudio
from ...io.read.video import VideoFrames, open_video
from ...rates import FRAME_RATE, SAMPLE_RATE
from ..metrics.events import EventLog, read_events
from ..metrics.loudness import level_db
from ..metrics.mel import log_mel

DENSE_SOUNDS_PER_S = 3.0
DENSE_LEVEL_DB = -25.0


@dataclass(frozen=True)
class Clip:
    """A video, its own sound's facts, and its log; the sound itself is read when it is needed."""

    path: Path
    name: str
    frames: VideoFrames
    log: EventLog | None
    level_db: float
    spectrum: Tensor  # (m) dB, the median over time

    @property
    def group(self) -> str:
        """Dense or quiet: as the log's "sparse" says, by 3 logged sounds a second, or by -25 dB."""
        if self.log is None:
            dense = self.level_db >= DENSE_LEVEL_DB
        elif self.log.sparse is not None:
            dense = not self.log.sparse
        else:
            dense = len(self.log.sounds) >= DENSE_SOUNDS_PER_S * float(self.frames.duration)
        return "dense" if dense else "quiet"

    def seed(self, seed: int) -> int:
        """The seed of this clip's noise, of `seed` and its name alone, 0 to 2**32 - 1.

        With one noise for all clips their figures would not be independent draws, and an interval
        over clips would not see what another noise does. `generate --seed` takes the number.
        """
        return int.from_bytes(hashlib.sha256(f"{seed} {self.name}".encode()).digest()[:4], "big")

    def sound(self) -> Tensor:  # -> (2 s)
        """Its own sound, as long as the picture."""
        return read_sound(self.frames)


def read_sound(frames: VideoFrames) -> Tensor:  # -> (2 s)
    """A video's own sound at 48 kHz in stereo, as long as its picture and in step with it."""
    if not frames.has_sound:
        raise MediaError(f"{name_of(frames.source)} has no sound; give a clip with a sound stream")
    sound = SourceAudio(frames.source, frames.info.start).read(frames.samples(SAMPLE_RATE))
    return torch.from_numpy(sound.copy())


def read_clips(
    paths: Iterable[Path], frame_rate: int | Fraction = FRAME_RATE
) -> tuple[list[Clip], dict[str, str]]:
    """Clips of files and folders, and what is wrong with those left out (path -> why).

    Raises ValueError where none is left, or two cannot be told apart by name.
    """
    load_torchaudio()  # where it is missing, no clip is at fault
    clips: list[Clip] = []
    skipped: dict[str, str] = {}
    for path in (file for given in paths for file in videos_in(given)):
        try:
            clips.append(_read_clip(path, frame_rate))
        except (ValueError, OSError) as error:
            skipped[str(path)] = str(error)
            print(f"left out: {path}: {error}", file=sys.stderr)
    if not clips:
        raise ValueError(
            f"got no clip that can be used ({'; '.join(skipped.values())}); expected videos with "
            "sound; give others"
        )
    return _named_apart(clips), skipped


def partners(clips: list[Clip]) -> list[Clip | None]:
    """The chance baseline of each clip: another clip, of the same group where there is one."""
    found: list[Clip | None] = []
    for place, clip in enumerate(clips):
        others = clips[place + 1 :] + clips[:place]
        alike = [other for other in others if other.group == clip.group]
        found.append(next(iter(alike or others), None))
    return found


def as_long_as(waveform: Tensor, samples: int) -> Tensor:  # (c s) -> (c samples)
    """Repeated or cut to a length: chance must not come from silence at the end."""
    times = -(-samples // waveform.shape[-1])
    return torch.cat([waveform] * times, dim=-1)[:, :samples]


def _named_apart(clips: list[Clip]) -> list[Clip]:
    """Where names of files are the same, the folders' come before them."""
    stems = Counter(clip.name for clip in clips)
    named = [
        replace(clip, name=f"{clip.path.resolve().parent.name}-{clip.name}")
        if stems[clip.name] > 1
        else clip
        for clip in clips
    ]
    name, times = Counter(clip.name for clip in named).most_common(1)[0]
    if times > 1:
        raise ValueError(
            f"got {times} clips named {name}; expected names that differ; rename one, or give each "
            "clip once"
        )
    return named


def _read_clip(path: Path, frame_rate) -> Clip:
    frames = open_video(path, frame_rate)
    sound = read_sound(frames)
    spectrum = log_mel(sound).median(dim=1).values
    return Clip(path, path.stem, frames, read_events(path), level_db(sound), spectrum)
