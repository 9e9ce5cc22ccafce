"""Import of torchaudio, which evaluation and training need and generation does not."""

from __future__ import annotations

from types import ModuleType

import torch


def load_torchaudio() -> ModuleType:
    """Imports torchaudio and torchaudio.functional.

    Raises ValueError where it is missing or its libraries do not load with the installed torch:
    the CUDA build that PyPI provides for Linux does not load with a CPU build of torch.
    """
    try:
        import torchaudio
        import torchaudio.functional
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(
            f"got no torchaudio ({why}); expected one that loads with torch {torch.__version__}; "
            "run `pip install --force-reinstall --no-deps torchaudio` (if torch did not come from "
            "PyPI: from the same index as torch); generating does not need it"
        ) from error
    return torchaudio
