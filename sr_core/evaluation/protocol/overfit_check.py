"""Overfit check: whether a model reproduces the sound of its training clip, decoded by its VAE."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from torch import Tensor

from ..metrics.clip_metrics import Scores, analyse, score
from ..metrics.embeddings import patch_statistics
from ..metrics.likeness import Likeness, likeness
from .clips import Clip
from .columns import CODEC, NULLED, REFERENCE, SHUFFLED
from .summary import Figures, summarise

WORDS = {
    REFERENCE: "the clip's own sound",
    SHUFFLED: "chance: another clip, or shifted in time",
    NULLED: "the model with null frames",
}


class OverfitCheck:
    """An observer of `evaluate`; `name` is the sound that should reproduce the clip's sound.

    `codec` and `generated` are the distances of the VAE's output and of the sound `name` to the
    sound of the last clip. `generated` does not use the VAE's output as its reference because that
    may be silent.
    """

    def __init__(self, name: str):
        self.name = name
        self.scores: dict[str, list[Scores]] = defaultdict(list)
        self.codec: Likeness | None = None
        self.generated: Likeness | None = None

    def __call__(self, clip: Clip, sounds: Mapping[str, Tensor]) -> None:  # each (2 s)
        self.codec = likeness(sounds[CODEC], sounds[REFERENCE])
        self.generated = likeness(sounds[self.name], sounds[REFERENCE])
        reference = analyse(sounds[CODEC], patch_statistics)
        for name, waveform in sounds.items():
            sound = analyse(waveform, patch_statistics)
            self.scores[name].append(score(sound, reference, None))

    def onset_f1(self, name: str) -> float:
        return self._figures(name)["onset_f1"] or 0.0

    def envelope_r(self, name: str) -> float:
        return self._figures(name)["envelope_r"] or 0.0

    def _figures(self, name: str) -> Figures:
        return summarise([[scores] for scores in self.scores[name]])

    def table(self) -> str:
        """A table with one line per sound."""
        lines = [f"{'compared with the sound after the VAE':46} onset F1  envelope r"]
        for name in self.scores:
            if name != CODEC:
                words = WORDS.get(name, f"generated, {name}")
                figures = f"{self.onset_f1(name):8.2f}  {self.envelope_r(name):10.2f}"
                lines.append(f"{words:46} {figures}")
        return "\n".join(lines)
