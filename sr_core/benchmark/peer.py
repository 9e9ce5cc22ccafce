"""Pairs of implementations of the same work, for timing in the same run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import NamedTuple


class Peer(NamedTuple):
    """Two functions that do the same work for one frame."""

    ours: Callable[[], object]
    theirs: Callable[[], object]


class NotAtHand(Exception):
    """A peer cannot be measured here; the message is the reason."""


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Make these packages not importable inside the context, unless already imported."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        # Python documents None as "cannot be imported"; typeshed's type of the values lacks it.
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def transformers() -> ModuleType:
    """Hugging Face's `transformers`. Raises NotAtHand if it cannot be imported."""
    try:
        # It imports torchaudio if installed, which fails if built for another torch version.
        with without("torchaudio"):
            module = importlib.import_module("transformers")
            for name in ("LlamaModel", "StaticCache", "Dinov2WithRegistersModel"):
                getattr(module, name)  # its submodules are imported at first access
            return module
    except (ImportError, AttributeError, OSError, RuntimeError) as error:
        raise NotAtHand(
            f"transformers does not load ({error}); pip install transformers"
        ) from error
