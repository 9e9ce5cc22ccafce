"""Has a model learned a clip by heart? Its sound against what its own VAE makes of the clip's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from torch import Tensor

from ..metrics.clip_metrics import Scores, analyse, score
from ..metrics.embeddings import patch_statistics
from ..metrics.likeness import Likeness, likeness
from .clips import Clip
from .evaluate import CODEC, NULLED, REFERENCE, SHUFFLED
from .summary import summarise

WORDS = {
    REFERENCE: "the clip's own sound",
    SHUFFLED: "chance: it, shifted in time or another clip's",
    NULLED: "the model without a picture",
}


class OverfitCheck:
    """An observer of `evaluate`; `judged` is the name of the sound that should be known.

    `codec` is how near the VAE comes to the last clip's own sound, `generated` how near the judged
    sound comes to it: not to the VAE's, which may be silent.
    """

    def __init__(self, judged: str):
        self.judged = judged
        self.scores: dict[str, list[Scores]] = defaultdict(list)
        self.codec: Likeness | None = None
        self.generated: Likeness | None = None

    def __call__(self, clip: Clip, sounds: Mapping[str, Tensor]) -> None:  # each (2 s)
        self.codec = likeness(sounds[CODEC], sounds[REFERENCE])
        self.generated = likeness(sounds[self.judged], sounds[REFERENCE])
        reference = analyse(sounds[CODEC], patch_statistics)
        for name, waveform in sounds.items():
            heard = analyse(waveform, patch_statistics)
            self.scores[name].append(score(heard, reference, None))

    def onset_f1(self, name: str) -> float:
        return summarise(self.scores[name])["onset_f1"] or 0.0

    def envelope_r(self, name: str) -> float:
        return summarise(self.scores[name])["envelope_r"] or 0.0

    def table(self) -> str:
        """One line a sound."""
        lines = [f"{'against the sound after the VAE':46} onset F1  envelope r"]
        for name in self.scores:
            if name != CODEC:
                words = WORDS.get(name, f"generated, {name}")
                figures = f"{self.onset_f1(name):8.2f}  {self.envelope_r(name):10.2f}"
                lines.append(f"{words:46} {figures}")
        return "\n".join(lines)
