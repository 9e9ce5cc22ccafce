"""torchaudio, which evaluation and training need and generating does not."""

from __future__ import annotations

from types import ModuleType

import torch


def load_torchaudio() -> ModuleType:
    """Import torchaudio, and its `functional` with it.

    Raises ValueError where it is missing, or where its libraries do not load beside the installed
    torch: a build for CUDA, which PyPI has for Linux, does not load beside torch for CPUs.
    """
    try:
        import torchaudio
        import torchaudio.functional
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(
            f"got no torchaudio ({why}); expected one that loads beside torch {torch.__version__}; "
            "do `pip install --force-reinstall --no-deps torchaudio`, from the index that torch "
            "came from where that is not PyPI; generating does not need it"
        ) from error
    return torchaudio
