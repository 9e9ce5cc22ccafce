"""The past of one stream in buffers that never grow."""

from __future__ import annotations

import torch
from torch import Tensor

from ..layers.attention import KVState
from ..models.soundreactor.transformer import PAIR, TransformerConfig, TransformerState


class KeyValueRing:
    """Keys (stored rotated) and values of the last `pairs` pairs of tokens, all layers of them.

    Attention does not care about order, so the newest pair overwrites the oldest in place. Slot 0
    is outside the ring, for a token that no later one sees. The state that it enters from is
    copied, and so is the one it gives back.
    """

    def __init__(self, config: TransformerConfig, rows: int, pairs: int, like: Tensor):
        size = (config.depth, rows, config.heads, 1 + PAIR * pairs, config.width // config.heads)
        self.pairs, self.position = pairs, 0  # position: tokens seen so far
        # Zeros and not garbage: a masked key of NaN would still be NaN.
        self.keys, self.values = (like.new_zeros(size) for _ in range(2))

    def enter(self, past: TransformerState) -> None:
        """Go on from a state of the plain path, whose tokens are whole pairs."""
        for layer, own in enumerate(past):
            slots = self._slots(own.position - own.keys.shape[2], own.position)
            self.keys[layer][:, :, slots] = own.keys
            self.values[layer][:, :, slots] = own.values
        self.position = past[0].position

    def leave(self, first_kept: int) -> TransformerState:
        """A state that the plain path goes on from, with the tokens since `first_kept`."""
        slots = self._slots(first_kept, self.position)
        return tuple(
            KVState(keys[:, :, slots], values[:, :, slots], self.position)
            for keys, values in zip(self.keys, self.values, strict=True)
        )

    @property
    def pair_slot(self) -> int:
        """The first of the two slots that the pair at `position` takes."""
        return 1 + self.position % (PAIR * self.pairs)

    @property
    def filled(self) -> int:
        """Slots in use once that pair is written, slot 0 counted too."""
        return 1 + min(self.position + PAIR, PAIR * self.pairs)

    def _slots(self, start: int, end: int) -> Tensor:  # an index copies what it selects
        return 1 + torch.arange(start, end, device=self.keys.device) % (PAIR * self.pairs)
