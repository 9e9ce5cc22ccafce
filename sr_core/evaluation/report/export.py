"""Export of WAV files in the layout of the official toolkit, SonyResearch/soundreactor_v2a_eval."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ...io.write.audio import write_audio
from ...rates import SAMPLE_RATE
from ..protocol.clips import Clip
from ..protocol.columns import CODEC, NULLED, REFERENCE, SHUFFLED


class Export:
    """Writes FOLDER/gt_audio/NAME.wav and, per setting, FOLDER/pred_audio_steps_N/NAME.wav.

    The toolkit pairs files by name. Some of its metrics strip "_generated" and "_sfx", but its KL
    and FSAD do not. Both files therefore have the clip's name without a suffix: all metrics pair
    them, also with the video features, which are named after the clips.
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
