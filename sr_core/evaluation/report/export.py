"""Folders of WAV files as the official toolkit (SonyResearch/soundreactor_v2a_eval) takes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ...io.write.audio import write_audio
from ...rates import SAMPLE_RATE
from ..protocol.clips import Clip
from ..protocol.evaluate import CODEC, NULLED, REFERENCE, SHUFFLED


class Export:
    """Writes FOLDER/gt_audio/NAME.wav and, for each setting, FOLDER/pred_audio_steps_N/NAME.wav.

    The toolkit pairs files by name. Some of its measures strip "_generated" and "_sfx", its KL
    and FSAD do not; so both files have the clip's plain name, which pairs them everywhere, also
    with the picture's features, whose videos are the clips themselves.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, clip: Clip, sounds: Mapping[str, Tensor]) -> None:  # each (2 s)
        for name, waveform in sounds.items():
            if name in (CODEC, SHUFFLED, NULLED):
                continue
            kind = "gt_audio" if name == REFERENCE else f"pred_audio_{name.replace(' ', '_')}"
            target = self.folder / kind / f"{clip.name}.wav"
            target.parent.mkdir(parents=True, exist_ok=True)
            write_audio(target, waveform.clamp(-1, 1), SAMPLE_RATE)
