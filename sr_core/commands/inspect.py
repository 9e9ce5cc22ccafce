"""The verb `inspect`: the contents of a weights file."""

from __future__ import annotations

import argparse
import json
from collections import Counter

from ..sampling.recommended import ENTRY, in_words
from .arguments import checkpoint, local

HELP = "print the contents of a safetensors file: kind, configuration, training and sizes"
EXAMPLES = """\
examples:
  python -m sr_core inspect sr_core/assets/micro.safetensors
  python -m sr_core inspect hf://owner/model
"""
FILE = (
    "a checkpoint, or a converted VAE, DINOv2 or EfficientNet: a path, or "
    "hf://OWNER/REPO[/FILE][@REVISION]"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        type=checkpoint,
        help=FILE,
    )


def run(options: argparse.Namespace) -> int:
    from ..checkpoint import FORMATS, read_header  # imports torch, which `--help` does not need
    from .work.origin import kept_origin

    file = local(options.file)
    header = read_header(file)
    kinds = Counter(kind for kind, _ in header.tensors.values())
    print(f"file        {file}, {file.stat().st_size / 1e6:.1f} MB")
    print(f"numbers     {', '.join(f'{n} x {kind}' for kind, n in kinds.most_common())}")
    for part, size in header.part_sizes().items():
        print(f"  {part:<10}{size / 1e6:10.3f} M")
    for key in sorted(header.metadata):
        print(f"{key:<12}{_pretty(header.metadata[key])}")
    family = FORMATS.get(header.metadata.get("format", ""))
    if family and ENTRY not in header.metadata:
        print(f"{ENTRY:<12}none in the file; default: {in_words(family.fallback)}")
    if origin := kept_origin(file):
        print(f"{'origin':<12}{_pretty(json.dumps(origin))}")
    return 0


def _pretty(value: str) -> str:
    try:
        parsed = json.loads(value)
    except json.JSONDecodeError:
        return value
    return json.dumps(parsed, indent=2) if isinstance(parsed, dict) and parsed else value
