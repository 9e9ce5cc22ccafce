"""Two ways of doing one thing, to be timed side by side."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import NamedTuple


class Peer(NamedTuple):
    """One call of each does the same work for one frame."""

    ours: Callable[[], object]
    theirs: Callable[[], object]


class NotAtHand(Exception):
    """Why a peer cannot be measured here."""


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Nobody finds these packages meanwhile; what has been imported before is left as it is."""
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
    """Hugging Face's package. Raises NotAtHand where it does not load."""
    try:
        # It imports torchaudio where that is installed, and one built for another torch fails.
        with without("torchaudio"):
            module = importlib.import_module("transformers")
            for name in ("LlamaModel", "StaticCache", "Dinov2WithRegistersModel"):
                getattr(module, name)  # it loads its parts when they are asked for
            return module
    except (ImportError, AttributeError, OSError, RuntimeError) as error:
        raise NotAtHand(
            f"transformers does not load ({error}); pip install transformers"
        ) from error
