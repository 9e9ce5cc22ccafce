"""What a weights file is."""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from pathlib import Path

HELP = "say what a safetensors file holds: its kind, configuration, training and sizes"
EXAMPLES = """\
examples:
  python -m sr_core inspect sr_core/assets/micro.safetensors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a checkpoint, or a converted VAE or DINOv2")


def run(options: argparse.Namespace) -> int:
    from ..checkpoint import read_header  # with torch, which no help needs

    metadata, tensors = read_header(options.file)
    sizes, kinds = Counter(), Counter()
    for name, (kind, shape) in tensors.items():
        sizes[name.split(".")[0]] += math.prod(shape)
        kinds[kind] += 1
    print(f"file        {options.file}, {options.file.stat().st_size / 1e6:.1f} MB")
    print(f"numbers     {', '.join(f'{n} x {kind}' for kind, n in kinds.most_common())}")
    for part, size in sizes.most_common():
        print(f"  {part:<10}{size / 1e6:10.3f} M")
    for key in sorted(metadata):
        print(f"{key:<12}{_pretty(metadata[key])}")
    return 0


def _pretty(value: str) -> str:
    try:
        parsed = json.loads(value)
    except json.JSONDecodeError:
        return value
    return json.dumps(parsed, indent=2) if isinstance(parsed, dict) and parsed else value
