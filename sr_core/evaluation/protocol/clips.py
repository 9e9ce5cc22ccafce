"""Clips for evaluation: a video with sound, an optional event log, and its group (dense, quiet)."""

from __future__ import annotations

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
from ...sampling.clip_seed import clip_seed
from ..metrics.events import EventLog, read_events
from ..metrics.loudness import level_db
from .hiss import Constants, constants_of

DENSE_SOUNDS_PER_S = 3.0  # logged sounds per second from which a clip is dense
DENSE_LEVEL_DB = -25.0  # level from which a clip without a log is dense


@dataclass(frozen=True)
class Clip:
    """A video, statistics of its sound, and its log; `sound` reads the waveform on demand."""

    path: Path
    name: str
    frames: VideoFrames
    log: EventLog | None
    level_db: float
    constants: Constants

    @property
    def group(self) -> str:
        """Dense or quiet: by "sparse" or the sounds per second of the log; without one by level."""
        if self.log is None:
            dense = self.level_db >= DENSE_LEVEL_DB
        elif self.log.sparse is not None:
            dense = not self.log.sparse
        else:
            dense = len(self.log.sounds) >= DENSE_SOUNDS_PER_S * float(self.frames.duration)
        return "dense" if dense else "quiet"

    def seed(self, seed: int) -> int:
        """The seed of this clip's noise, 0 to 2**32 - 1: a function of `seed` and the clip's name.

        With the same noise for all clips their metrics would not be independent, and an interval
        over clips would not include the variance due to the noise. `generate --seed` accepts it.
        """
        return clip_seed(seed, self.name)

    def sound(self) -> Tensor:  # -> (2 s)
        """The sound of the video, as long as its picture."""
        return read_sound(self.frames)


def read_sound(frames: VideoFrames) -> Tensor:  # -> (2 s)
    """Reads the sound of a video at 48 kHz in stereo, aligned with its picture and as long."""
    if not frames.has_sound:
        raise MediaError(f"{name_of(frames.source)} has no sound; give a clip with a sound stream")
    sound = SourceAudio(frames.source, frames.info.start).read(frames.samples(SAMPLE_RATE))
    return torch.from_numpy(sound.copy())


def read_clips(
    paths: Iterable[Path], frame_rate: int | Fraction = FRAME_RATE
) -> tuple[list[Clip], dict[str, str]]:
    """Reads clips from files and folders; also returns the skipped files (path -> reason).

    Raises ValueError where no clip is left, or where two clips have the same name.
    """
    load_torchaudio()  # raises here if missing, instead of once per clip
    clips: list[Clip] = []
    skipped: dict[str, str] = {}
    for path in (file for given in paths for file in videos_in(given)):
        try:
            clips.append(_read_clip(path, frame_rate))
        except (ValueError, OSError) as error:
            leave_out(skipped, path, error)
    if not clips:
        raise ValueError(
            f"got no clip that can be used ({'; '.join(skipped.values())}); expected videos with "
            "sound; give others"
        )
    return _with_unique_names(clips), skipped


def leave_out(skipped: dict[str, str], path: Path, error: Exception) -> None:
    """Records a file that cannot be used, and the reason, and prints both on stderr."""
    skipped[str(path)] = str(error)
    print(f"left out: {path}: {error}", file=sys.stderr)


def partners(clips: list[Clip]) -> list[Clip | None]:
    """The chance baseline of each clip: another clip, from the same group if possible."""
    found: list[Clip | None] = []
    for index, clip in enumerate(clips):
        others = clips[index + 1 :] + clips[:index]
        same_group = [other for other in others if other.group == clip.group]
        found.append(next(iter(same_group or others), None))
    return found


def as_long_as(waveform: Tensor, samples: int) -> Tensor:  # (c s) -> (c samples)
    """Repeats or cuts a waveform to a length; padding with silence would bias the chance level."""
    times = -(-samples // waveform.shape[-1])
    return torch.cat([waveform] * times, dim=-1)[:, :samples]


def _with_unique_names(clips: list[Clip]) -> list[Clip]:
    """Prefixes file names that occur more than once with the folder's name."""
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
            f"got {times} clips named {name}; expected names that differ; rename one, or pass each "
            "clip once"
        )
    return named


def _read_clip(path: Path, frame_rate: int | Fraction) -> Clip:
    frames = open_video(path, frame_rate)
    if not isinstance(frames, VideoFrames):
        raise MediaError(f"'{path}' has no sound; expected clips with their own sound")
    sound = read_sound(frames)
    log = read_events(path)
    return Clip(path, path.stem, frames, log, level_db(sound), constants_of(sound))
