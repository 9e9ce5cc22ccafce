"""Random numbers as a function of (seed, step, row, ...), so that no generator state is saved."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

Generators = Sequence[torch.Generator]  # one per row of the batch


def seed_of(*key: int | str) -> int:
    """A 63-bit seed for a key such as (seed, step, row); similar keys give unrelated seeds."""
    text = "/".join(str(part) for part in key)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator_of(*key: int | str) -> torch.Generator:
    return torch.Generator().manual_seed(seed_of(*key))


def normal(generators: Generators, *shape: int, like: Tensor) -> Tensor:
    """Standard normal noise (b *shape), each row from its own generator."""
    rows = [torch.randn(shape, generator=generator) for generator in generators]
    return torch.stack(rows).to(like.device)


def uniform(generators: Generators, *shape: int, like: Tensor) -> Tensor:
    """Uniform in 0..1 (b *shape), each row from its own generator."""
    rows = [torch.rand(shape, generator=generator) for generator in generators]
    return torch.stack(rows).to(like.device)
