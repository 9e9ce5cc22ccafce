"""Has a model learned clips by heart? Its sound against what its own VAE makes of theirs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from torch import Tensor

from .clips import Clip
from .embeddings import patch_statistics
from .evaluate import CODEC, NULLED, REFERENCE, SHUFFLED
from .scores import Scores, hear, score
from .summary import summarise

HEARD_R = 0.7  # envelope correlation that a VAE on one clip reaches easily
ABOVE_CHANCE = 0.25
FEW = 3  # onsets that tell nothing
WORDS = {
    REFERENCE: "the clip's own sound",
    SHUFFLED: "chance: it, shifted in time or another clip's",
    NULLED: "the model without a picture",
}


class Memory:
    """An observer of `evaluate`; `judged` is the name of the sound that should be known."""

    def __init__(self, judged: str):
        self.judged = judged
        self.scores: dict[str, list[Scores]] = defaultdict(list)

    def __call__(self, clip: Clip, sounds: Mapping[str, Tensor]) -> None:  # each (2 s)
        reference = hear(sounds[CODEC], patch_statistics)
        for name, waveform in sounds.items():
            heard = hear(waveform, patch_statistics)
            self.scores[name].append(score(heard, reference, None))

    def onset_f1(self, name: str) -> float:
        return summarise(self.scores[name])["onset_f1"] or 0.0

    def envelope_r(self, name: str) -> float:
        return summarise(self.scores[name])["envelope_r"] or 0.0

    def problems(self) -> list[str]:
        """What is wrong, nothing where the model knows its clips."""
        found = []
        if self.envelope_r(REFERENCE) < HEARD_R:
            found.append("the VAE does not follow the clip's loudness: look at `train vae`")
        if self.envelope_r(self.judged) < self.envelope_r(SHUFFLED) + ABOVE_CHANCE:
            found.append("the generated loudness is no better than chance")
        onsets = sum(scores.wanted for scores in self.scores[self.judged])
        if onsets > FEW and self.onset_f1(self.judged) < self.onset_f1(SHUFFLED) + ABOVE_CHANCE:
            found.append("the generated onsets are no better than chance")
        return found

    def table(self) -> str:
        """One line a sound."""
        lines = [f"{'against the sound after the VAE':46} onset F1  envelope r"]
        for name in self.scores:
            if name != CODEC:
                words = WORDS.get(name, f"generated, {name}")
                figures = f"{self.onset_f1(name):8.2f}  {self.envelope_r(name):10.2f}"
                lines.append(f"{words:46} {figures}")
        return "\n".join(lines)
