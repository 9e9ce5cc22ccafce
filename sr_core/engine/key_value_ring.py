"""Key-value cache of one stream in ring buffers of fixed size."""

from __future__ import annotations

import torch
from torch import Tensor

from ..layers.attention import KVState
from ..models.soundreactor.transformer import PAIR, TransformerConfig, TransformerState


class KeyValueRing:
    """Keys (stored rotated) and values of the last `pairs` pairs of tokens, in all layers.

    Attention does not depend on the order of the keys, so the newest pair overwrites the oldest in
    place. Slot 0 is outside the ring, for a token to which no later token attends. States are
    copied when they are loaded and exported.
    """

    def __init__(self, config: TransformerConfig, rows: int, pairs: int, like: Tensor):
        size = (config.depth, rows, config.heads, 1 + PAIR * pairs, config.width // config.heads)
        self.pairs, self.position = pairs, 0  # position: number of tokens processed so far
        # Zeros, not uninitialised memory: a NaN in a masked key would still give NaN.
        self.keys, self.values = (like.new_zeros(size) for _ in range(2))

    def enter(self, past: TransformerState) -> None:
        """Load a state of `Transformer`, which must consist of complete pairs."""
        for layer, cache in enumerate(past):
            slots = self._slots(cache.position - cache.keys.shape[2], cache.position)
            self.keys[layer][:, :, slots] = cache.keys
            self.values[layer][:, :, slots] = cache.values
        self.position = past[0].position

    def leave(self, first_kept: int) -> TransformerState:
        """Export a state of `Transformer` with the tokens from position `first_kept` on."""
        slots = self._slots(first_kept, self.position)
        return tuple(
            KVState(keys[:, :, slots], values[:, :, slots], self.position)
            for keys, values in zip(self.keys, self.values, strict=True)
        )

    @property
    def pair_slot(self) -> int:
        """The first of the two slots for the pair at `position`."""
        return 1 + self.position % (PAIR * self.pairs)

    @property
    def filled(self) -> int:
        """Number of slots in use after that pair is written, including slot 0."""
        return 1 + min(self.position + PAIR, PAIR * self.pairs)

    def _slots(self, start: int, end: int) -> Tensor:  # indexing with a tensor makes copies
        return 1 + torch.arange(start, end, device=self.keys.device) % (PAIR * self.pairs)
