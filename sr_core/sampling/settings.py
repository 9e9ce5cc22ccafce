"""Sampling settings of a stream."""

from __future__ import annotations

from dataclasses import dataclass

METHODS = ("consistency", "heun")
CONTEXTS = ("window", "trained", "ntk", "interpolate")
HISTORIES = ("shared", "matched")


@dataclass(frozen=True)
class Settings:
    """Sampling settings; constant over a stream.

    The defaults apply to checkpoints that recommend no settings (`recommended.py`).

    steps: head evaluations per latent, 1 to 4 ("consistency"), or solver steps ("heun").
    guidance: guidance scale; 1 is no guidance. Larger values follow the frames more closely with
        less variety; too large values exaggerate. The paper uses 3; `micro` is best at 2.
    method: "consistency" for tuned checkpoints, "heun" for those of the diffusion stage.
    context: attention over streams that are longer than the training sequences. "window" attends
        to the last frames (no limit of length), "trained" refuses longer streams, "ntk" and
        "interpolate" scale the rotary positions to `length` frames.
    length: number of frames of the whole video; needed by "ntk" and "interpolate" only.
    null_history: unconditional branch of guidance. "shared" (the paper's) replaces the current
        frame only; "matched" replaces all frames, as in training (twice the transformer's cost).
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
                "the whole video; use context 'window' if it is unknown"
            )
