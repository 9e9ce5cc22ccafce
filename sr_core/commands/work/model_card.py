"""A model card from a checkpoint's metadata."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from ...checkpoint import config_of, read_header
from ...hub_address import Address
from ...sampling.recommended import ENTRY, in_words

PAPER = "[SoundReactor](https://arxiv.org/abs/2510.02110)"
TAGS = ("soundreactor", "video-to-audio")
_CARD = """\
---
{header}
---

# {title}

Causal, frame-by-frame generation of sound for video: a checkpoint of {paper}, for SoundReactor for
ComfyUI and its command line.

| | |
|---|---|
{rows}

## How to use it

```sh
python -m sr_core generate VIDEO -o OUT --model {address}
```

In ComfyUI: download the file to `models/soundreactor/`.
"""


def model_card(
    checkpoint: Path, described: dict[str, Any], address: Address, licence: str | None
) -> str:
    """Return Markdown with a YAML header; `described` is the result of `read_metadata`."""
    from huggingface_hub import ModelCardData

    header = ModelCardData(license=licence, library_name="soundreactor", tags=list(TAGS))
    rows = _facts(checkpoint, described)
    return _CARD.format(
        header=header.to_yaml(),
        title=described["training"].get("name") or address.repo.split("/")[1],
        paper=PAPER,
        rows="\n".join(f"| {name} | {_cell(value)} |" for name, value in rows.items() if value),
        address=address,
    )


def _facts(checkpoint: Path, described: dict[str, Any]) -> dict[str, str | None]:
    training, (config, _) = described["training"], config_of(described)
    sizes = read_header(checkpoint).part_sizes()
    steps = f", {training['step']} steps" if "step" in training else ""
    return {
        "format": described["format"],
        "stage": f"{training.get('stage', 'unknown')}{steps}",
        "training data": training.get("data"),
        "domain": training.get("knows"),
        "licence": training.get("licence"),
        "initialised from": _initialised_from(training.get("init")),
        "recommended sampling": in_words(described[ENTRY]),
        "parameters": ", ".join(f"{part} {n / 1e6:.3f} M" for part, n in sizes.items()),
        "file": f"{checkpoint.stat().st_size / 1e6:.1f} MB",
        "video": f"{_frame_rate(described)} frames per second, resized to "
        f"{config.vision.height}x{config.vision.width}",
        "sound": f"{config.audio.sample_rate} Hz",
    }


def _frame_rate(described: dict[str, Any]) -> Fraction:
    """Frames per second of a checkpoint, without reading its weights."""
    config, family = config_of(described)
    return config.latent_rate * family.frames_per_step / family.latents_per_step


def _initialised_from(init: dict[str, Any] | None) -> str | None:
    if init is None:
        return None
    if "address" in init:
        return f"{init['address']}@{init['commit']}"
    return init.get("name") or init.get("stage")


def _cell(value: str) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
