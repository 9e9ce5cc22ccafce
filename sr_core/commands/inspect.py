"""What a weights file is."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from safetensors import SafetensorError, safe_open

HELP = "say what a safetensors file holds: its kind, configuration, training and sizes"
EXAMPLES = """\
examples:
  python -m sr_core inspect sr_core/assets/micro.safetensors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a checkpoint, or a converted VAE or DINOv2")


def run(options: argparse.Namespace) -> int:
    if not options.file.is_file():
        raise ValueError(f"got {options.file}, which is no file; expected a .safetensors file")
    try:
        with safe_open(options.file, "pt") as file:
            metadata, sizes, kinds = file.metadata() or {}, Counter(), Counter()
            for name in file.keys():
                tensor = file.get_slice(name)
                sizes[name.split(".")[0]] += _count(tensor.get_shape())
                kinds[tensor.get_dtype()] += 1
    except SafetensorError as error:
        raise ValueError(
            f"got {options.file}, which is not safetensors ({error}); expected a checkpoint of "
            "ours; original weights need `python -m sr_core convert` first"
        ) from error
    print(f"file        {options.file}, {options.file.stat().st_size / 1e6:.1f} MB")
    print(f"numbers     {', '.join(f'{n} x {kind}' for kind, n in kinds.most_common())}")
    for part, size in sizes.most_common():
        print(f"  {part:<10}{size / 1e6:10.3f} M")
    for key in sorted(metadata):
        print(f"{key:<12}{_pretty(metadata[key])}")
    return 0


def _count(shape: list[int]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


def _pretty(value: str) -> str:
    try:
        parsed = json.loads(value)
    except json.JSONDecodeError:
        return value
    return json.dumps(parsed, indent=2) if isinstance(parsed, dict) and parsed else value
