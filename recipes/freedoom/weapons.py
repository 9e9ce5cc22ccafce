"""The player's weapons: what is carried, what is chosen, when it is fired."""

from __future__ import annotations

import random

from .sight import Seen

NAMES = (
    "Chainsaw",
    "Pistol",
    "Shotgun",
    "SuperShotgun",
    "Chaingun",
    "RocketLauncher",
    "PlasmaRifle",
    "BFG9000",
)
SAW, ROCKETS, PLASMA, BFG = 1, 5, 6, 7
# How often a slot is chosen; in sparse clips no running saw and few shots that fill a room.
DENSE_CHOICE = {SAW: 0.6, 2: 1.0, 3: 1.6, 4: 1.0, ROCKETS: 1.3, PLASMA: 1.0, BFG: 0.25}
SPARSE_CHOICE = {SAW: 0.2, 2: 1.3, 3: 1.6, 4: 0.9, ROCKETS: 1.2, PLASMA: 0.9, BFG: 0.1}
SAW_REACH = 110  # map units
BLAST = 230  # closer than this a rocket hurts who fires it


class Gun:
    """Pulls the trigger: at targets that are in the way, and where `idle` says so, at nothing."""

    def __init__(self, rng: random.Random, sparse: bool) -> None:
        self.rng, self.sparse = rng, sparse
        self.choice = SPARSE_CHOICE if sparse else DENSE_CHOICE
        self.slot = 2
        self.pulled = 0  # frames left of a burst
        self.rest = rng.randint(3, 20)  # frames until the next burst may begin
        self.keep = rng.randint(50, 150)  # frames until the next change of weapon
        self.calm = sparse or rng.random() < 0.25
        # Seconds between shots at nothing; a clip without targets would be silent otherwise.
        self.idle = rng.uniform(0.8, 3.0) if sparse else rng.choice((4.0, 12.0, 60.0))
        self.wait = self._pause()

    def choose(self) -> dict[str, float]:
        self.slot = self.rng.choices(list(self.choice), list(self.choice.values()))[0]
        self.keep = self.rng.randint(60, 200)
        return {f"SELECT_WEAPON{self.slot}": 1}

    def act(self, target: Seen | None, open_ahead: float) -> dict[str, float]:
        """The buttons of one frame; `open_ahead` in map units keeps rockets off near walls."""
        safe = self.slot not in (ROCKETS, BFG) or open_ahead > BLAST
        if target is not None and self.slot in (ROCKETS, BFG):
            safe = safe and target.distance > BLAST
        self.rest -= 1
        self.wait -= 1
        self.keep -= 1 if safe else 4
        if self.pulled == 0 and self.keep <= 0:
            return self.choose()
        if self.pulled == 0 and self.rest <= 0 and self._aimed(target):
            self._burst()
        elif self.pulled == 0 and self.wait <= 0 and target is None:
            self._burst()
            self.wait = self.pulled + self._pause()
        self.pulled -= self.pulled > 0
        return {"ATTACK": 1} if self.pulled and safe else {}

    def _aimed(self, target: Seen | None) -> bool:
        if target is None or (self.slot == SAW and target.distance > SAW_REACH):
            return False
        return abs(target.bearing) < target.half_width + 3

    def _burst(self) -> None:
        """Single shots in a sparse clip, as often long bursts in another."""
        tap = self.rng.random() < (0.85 if self.sparse else 0.5)
        self.pulled = 1 + (self.rng.randint(1, 5) if tap else self.rng.randint(8, 30))
        gap = self.rng.randint(15, 50) if self.calm else self.rng.randint(2, 12)
        self.rest = self.pulled + gap

    def _pause(self) -> int:
        """Frames to the next shot at nothing."""
        return int(30 * max(0.4, self.rng.expovariate(1 / self.idle)))
