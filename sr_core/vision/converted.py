"""Metadata of a backbone's converted file."""

from __future__ import annotations

import json
import os
from typing import Any

from safetensors import SafetensorError, safe_open


def read_description(path: str | os.PathLike, key: str, kind: str) -> dict[str, Any]:
    """The JSON under a metadata key; `kind` is what `convert` calls such a file.

    Raises ValueError if the file is not a safetensors file with that key.
    """
    expected = (
        f"expected a {key} file; make it from the public weights with "
        f"`python -m sr_core convert {kind} SOURCE TARGET`"
    )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"got {path}, not a safetensors file ({error}); {expected}") from error
    if key not in metadata:
        raise ValueError(f"got {path} without {key} metadata; {expected}")
    return json.loads(metadata[key])
