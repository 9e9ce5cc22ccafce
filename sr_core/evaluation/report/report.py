"""A page of results and, per clip, an image with the spectrograms of all its sounds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from einops import rearrange, repeat
from torch import Tensor

from ...io.write.partial import whole_file, write_text
from ..metrics.mel import FLOOR_DB, log_mel
from ..protocol.clips import Clip
from ..protocol.columns import MOTION_STOPS, NULLED, SHUFFLED
from .table import as_markdown

TALL = 3  # height of a band in pixels
LABEL = 14  # height of the label above each spectrogram in pixels
SHADES = ((0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191))  # quiet first


class Report:
    """An observer of `evaluate` that draws FOLDER/NAME.png; `write` adds FOLDER/report.md."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.clips: list[str] = []

    def __call__(self, clip: Clip, sounds: Mapping[str, Tensor]) -> None:  # each (2 s)
        shown = {name: x for name, x in sounds.items() if name not in (SHUFFLED, NULLED)}
        with whole_file(self.folder / f"{clip.name}.png") as partial:
            draw(shown).save(partial, "PNG")
        self.clips.append(clip.name)

    def write(self, result: Mapping[str, Any]) -> Path:
        figures = {clip["name"]: clip for clip in result["clips"]}
        seeds = " ".join(map(str, result["seeds"]))
        title = f"# {result['model']}, seed{'s' * (len(result['seeds']) > 1)} {seeds}"
        parts = [title, as_markdown(result), "## Clips"]
        for name in self.clips:
            group, sounds = figures[name]["group"], figures[name]["sounds"]
            words = ", ".join(
                f"{sound} F1 {values['onset_f1'] or 0:.2f} log-mel {values['mel_nats']:.2f} nats"
                for sound, values in sounds.items()
                if sound != MOTION_STOPS
            )
            parts.append(f"### {name} ({group})\n\n{words}\n\n![{name}](<{name}.png>)")
        target = self.folder / "report.md"
        write_text(target, "\n\n".join(parts) + "\n")
        return target


def draw(sounds: Mapping[str, Tensor]) -> Any:  # each (2 s) -> PIL.Image
    """Log-mel spectrograms, one below the other; low bands at the bottom, FLOOR_DB is black."""
    from PIL import Image, ImageDraw

    pictures = [_coloured(log_mel(waveform)) for waveform in sounds.values()]
    height, width = pictures[0].shape[:2]
    page = Image.new("RGB", (width, (height + LABEL) * len(pictures)), "white")
    pen = ImageDraw.Draw(page)
    for row, (name, picture) in enumerate(zip(sounds, pictures, strict=True)):
        top = row * (height + LABEL)
        pen.text((4, top + 1), name, fill="black")
        page.paste(Image.fromarray(picture.numpy()), (0, top + LABEL))
    return page


def _coloured(mel: Tensor) -> Tensor:  # (m t) dB -> (y x 3) uint8
    """Maps FLOOR_DB..0 dB to SHADES by linear interpolation."""
    shades = torch.tensor(SHADES, dtype=torch.float32)
    position = (1 - mel / FLOOR_DB).clamp(0, 1) * (len(shades) - 1)
    lower = position.floor().clamp_max(len(shades) - 2)
    part = rearrange(position - lower, "m t -> m t 1")
    colours = torch.lerp(shades[lower.long()], shades[lower.long() + 1], part)
    return repeat(colours.flip(0), "m t c -> (m n) t c", n=TALL).round().to(torch.uint8)
