"""The seed of a clip's noise where sounds of several clips are generated with one seed."""

from __future__ import annotations

import hashlib


def clip_seed(seed: int, name: str) -> int:
    """The seed of the clip `name`, 0 to 2**32 - 1: a function of `seed` and the name only.

    The noise of clips is independent, and does not depend on which other clips there are. The name
    is the file's without folder and suffix, also with bytes that are no text.
    """
    text = f"{seed} {name}".encode(errors="surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big")
