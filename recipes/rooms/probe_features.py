"""Features and targets of clips, cached for the probe: one file per clip and look.

    python -m recipes.rooms.probe_features CLIPS... -o CACHE --patches 7x98x126
    python -m recipes.rooms.probe_features CLIPS... -o CACHE --efficientnet efficientnet.safetensors

The same command continues after a stop.
"""

from __future__ import annotations

import argparse
import math
import sys
import zlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[2]))  # the package's folder

from sr_core.checkpoint import write_weights  # noqa: E402
from sr_core.components import load_vision, save_part  # noqa: E402
from sr_core.evaluation.metrics.loudness import loudness_envelope  # noqa: E402
from sr_core.evaluation.metrics.mel import log_mel  # noqa: E402
from sr_core.evaluation.metrics.onsets import find_onsets, onset_strength  # noqa: E402
from sr_core.evaluation.protocol.clips import read_sound  # noqa: E402
from sr_core.io.read.frames import Frames, PartOfFrames  # noqa: E402
from sr_core.io.read.source import videos_in  # noqa: E402
from sr_core.io.read.video import open_video  # noqa: E402
from sr_core.rates import FRAME_RATE, HOP  # noqa: E402
from sr_core.training.data.pca_fit import (  # noqa: E402
    fit_vision,
    read_backbone,
    vision_config,
)
from sr_core.vision.encoder import VisionEncoder, resize  # noqa: E402

PIECE = 16  # frames
FITTED = 16  # clips to which the PCA is fitted, at most
RISE_DB = 10.0  # unit of the rises
LARGEST = 3.0  # of these units; a larger rise counts as this one
CONTRAST = 0.3  # log of the largest factor
BRIGHTNESS = 0.1  # largest shift, of 1


@dataclass(frozen=True)
class Look:
    """An excerpt of a clip, and a change of the picture that leaves its sound as it is."""

    start: float = 0.0  # 0..1, of all places where an excerpt may start
    mirrored: bool = False
    contrast: float = 1.0
    brightness: float = 0.0

    def __call__(self, pixels: Tensor) -> Tensor:  # (t 3 h w) 0..1 -> (t 3 h w) 0..1
        pixels = pixels.flip(-1) if self.mirrored else pixels
        return ((pixels - 0.5) * self.contrast + 0.5 + self.brightness).clamp(0, 1)


def drawn_look(name: str, copy: int) -> Look:
    """The look of a copy of a clip: a function of both."""
    generator = torch.Generator().manual_seed(zlib.crc32(f"{name} {copy}".encode()))
    start, mirrored, contrast, brightness = torch.rand(4, generator=generator).tolist()
    factor = torch.tensor((2 * contrast - 1) * CONTRAST).exp().item()
    return Look(start, mirrored < 0.5, factor, (2 * brightness - 1) * BRIGHTNESS)


@torch.inference_mode()
def encode(frames: Frames, encoder: VisionEncoder, look: Look) -> Tensor:  # -> (t n k) float16
    size = encoder.config.height, encoder.config.width
    grids = []
    for piece in frames.pieces(frames.fitting(PIECE)):
        pixels = look(resize(piece.float(), *size) / 255)
        grids.append(encoder(pixels[None])[0].half())
    return torch.cat(grids)


def onsets_of(waveform: Tensor) -> Tensor:  # (c s) -> (n) seconds
    return find_onsets(onset_strength(log_mel(waveform)))


def targets_of(waveform: Tensor, count: int) -> Tensor:  # (c s) -> (count 2)
    """Per frame: whether an onset is within one frame, and the rise of the level in 10 dB.

    The rise is the highest of three frames, as the shifted-onset AUC takes the highest score of
    three: a contact between two frames is seen in either of them.
    """
    onsets = torch.zeros(count)
    onsets[(onsets_of(waveform) * FRAME_RATE).round().long().clamp(0, count - 1)] = 1
    whole = torch.nn.functional.pad(waveform.float(), (0, count * HOP - waveform.shape[-1]))
    level = loudness_envelope(whole)
    rises = level.diff(prepend=level[:1]).clamp(0, LARGEST * RISE_DB) / RISE_DB
    both = torch.stack([onsets, rises])
    return torch.nn.functional.max_pool1d(both[None], 3, 1, 1)[0].T.contiguous()


def example(clip: Path, encoder: VisionEncoder, look: Look, seconds: float) -> dict[str, Tensor]:
    """Grid (t n k) and targets (t 2) of an excerpt; ValueError for a clip without sound."""
    frames = open_video(clip)
    waveform = read_sound(frames)
    count = min(frames.count, math.ceil(seconds * FRAME_RATE))
    first = int(look.start * (frames.count - count))
    length = min(Fraction(count, FRAME_RATE), frames.duration - Fraction(first, FRAME_RATE))
    part = PartOfFrames(frames, Fraction(first, FRAME_RATE), length)
    grid = encode(part, encoder, look)
    targets = targets_of(waveform, frames.count)[first : first + len(grid)]
    return {"grid": grid, "targets": targets.contiguous()}


def write_examples(
    clips: list[Path], encoder: VisionEncoder, options: argparse.Namespace, folder: Path
) -> None:
    """Write the files that do not exist yet; prints which clips are left out, and why."""
    for clip in tqdm(clips, unit="clip", file=sys.stderr):
        for copy in range(options.copies):
            target = folder / f"{clip.stem}-{copy}.safetensors"
            if target.exists():
                continue
            look = drawn_look(clip.stem, copy)
            try:
                write_weights(example(clip, encoder, look, options.seconds), target, {})
            except ValueError as error:
                print(f"left out {clip}: {error}", file=sys.stderr)
                break


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clips", nargs="+", type=Path, help="videos, or folders of them")
    parser.add_argument("-o", "--output", type=Path, required=True)
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--patches", metavar="SIDExHEIGHTxWIDTH")
    kind.add_argument("--efficientnet", type=Path, help="converted weights")
    parser.add_argument("--channels", type=int, default=24, help="of the PCA (24)")
    parser.add_argument("--copies", type=int, default=2, help="looks per clip (2)")
    length = "of a copy, at a random place in the clip (3600)"
    parser.add_argument("--seconds", type=float, default=3600.0, help=length)
    options = parser.parse_args(words)
    clips = [video for place in options.clips for video in videos_in(place, deep=True)]
    options.output.mkdir(parents=True, exist_ok=True)
    vision = options.output / "vision.safetensors"
    if not vision.exists():
        backbone, frame = read_backbone(None, options.efficientnet, options.patches)
        config = vision_config(backbone, frame, options.channels)
        fitted = clips[:: -(-len(clips) // FITTED)]
        save_part(fit_vision(fitted, config, backbone), vision)
    grids = options.output / "grids"
    grids.mkdir(exist_ok=True)
    write_examples(clips, load_vision(vision), options, grids)
    print(options.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
