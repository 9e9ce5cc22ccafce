"""What a listener may choose."""

from __future__ import annotations

from dataclasses import dataclass

METHODS = ("consistency", "heun")
CONTEXTS = ("window", "trained", "ntk", "interpolate")
HISTORIES = ("shared", "matched")


@dataclass(frozen=True)
class Settings:
    """How the sound of a stream is drawn; fixed from its first frame to its last.

    steps: evaluations of the head for a latent, 1 to 4 ("consistency"), or solver steps ("heun").
    guidance: 1 is none; larger follows the picture more closely, at the cost of variety, and too
        large exaggerates. The paper's model takes 3; `micro` is best at 2, the default.
    method: "consistency" for tuned checkpoints, "heun" for those of the diffusion stage.
    context: how more frames than the training sequences had are remembered.
        "window" sees the last ones (no limit of length), "trained" refuses more, "ntk" and
        "interpolate" stretch the rotary positions over `length` frames.
    length: frames of the whole video; needed by "ntk" and "interpolate" only.
    null_history: guidance compares with a model that has not seen this frame ("shared", the
        paper's) or has seen none ("matched", as in training; twice the transformer's work).
    """

    steps: int = 4
    guidance: float = 2.0
    method: str = "consistency"
    context: str = "window"
    length: int | None = None
    null_history: str = "shared"

    def __post_init__(self) -> None:
        for name, known in (
            ("method", METHODS),
            ("context", CONTEXTS),
            ("null_history", HISTORIES),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"got {name} {getattr(self, name)!r}; expected one of {known}")
        tuned = self.method == "consistency"
        most, more = (4, "; method 'heun' takes more") if tuned else (1000, "")
        if not 1 <= self.steps <= most:
            raise ValueError(
                f"got {self.steps} steps; expected 1 to {most} with {self.method}{more}"
            )
        if not 0 <= self.guidance < float("inf"):
            raise ValueError(f"got guidance {self.guidance}; expected 0 or more (1 is none)")
        if self.context in ("ntk", "interpolate") and (self.length or 0) < 1:
            raise ValueError(
                f"got context {self.context!r} without a length; expected the number of frames of "
                "the whole video; use context 'window' where it is not known"
            )
