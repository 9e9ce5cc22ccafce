"""Randomness that is a function of where it is used, so that no generator has to be saved."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

Generators = Sequence[torch.Generator]  # one a row of the batch


def seed_of(*place: int | str) -> int:
    """A 63-bit seed for a place such as (seed, step, row): neighbours have nothing in common."""
    text = "/".join(str(part) for part in place)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator_of(*place: int | str) -> torch.Generator:
    return torch.Generator().manual_seed(seed_of(*place))


def normal(generators: Generators, *shape: int, like: Tensor) -> Tensor:
    """Standard normal noise (b *shape), each row from its own generator."""
    rows = [torch.randn(shape, generator=generator) for generator in generators]
    return torch.stack(rows).to(like.device)


def uniform(generators: Generators, *shape: int, like: Tensor) -> Tensor:
    """Uniform in 0..1 (b *shape), each row from its own generator."""
    rows = [torch.rand(shape, generator=generator) for generator in generators]
    return torch.stack(rows).to(like.device)
