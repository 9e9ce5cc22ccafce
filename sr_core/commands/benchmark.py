"""The verb `benchmark`: time per frame, in total, per part, and of peers."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import DTYPES, RECOMMENDED, checkpoint, optional_local

HELP = "measure milliseconds per frame, in total and per part, and those of peers in the same run"
EXAMPLES = """\
examples:
  python -m sr_core benchmark
  python -m sr_core benchmark --config paper --steps 1 --frames 60 --against plain dinov2
  python -m sr_core benchmark --config paper --against vae --official-vae soundreactor_vae/
  python -m sr_core benchmark --busy --frames 80
  python -m sr_core benchmark --model my-model.safetensors --json > out.json

`paper` has random weights of the paper's size; they take as much time as trained ones. Peers:
dinov2 and transformer (a Llama with one call per frame, and with two) need `pip install
transformers`; vae is the streaming decoder in a checkout of the official code; plain is this
package without its session.
"""
PEERS = ("dinov2", "transformer", "vae", "plain")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", choices=("paper", "micro"), help="(default: micro)")
    parser.add_argument(
        "--model", type=checkpoint, help="a checkpoint instead: a path, or hf://OWNER/REPO[/FILE]"
    )
    parser.add_argument("--device", help="cuda, mps, cpu (default: the first available)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: 1 for small models)")
    parser.add_argument("--dtype", choices=DTYPES, help="model dtype (default: bfloat16 on CUDA)")
    parser.add_argument("--steps", type=int, help=f"as in generate ({RECOMMENDED})")
    parser.add_argument(
        "--frames", type=int, default=300, help="measured frames, after a warm-up of 30 (300)"
    )
    parser.add_argument(
        "--busy",
        action="store_true",
        help="measure only the time per frame, with and without one busy process per core",
    )
    parser.add_argument(
        "--against",
        nargs="+",
        choices=PEERS,
        default=[],
        metavar="NAME",
        help=f"peers to measure too: {', '.join(PEERS)}",
    )
    parser.add_argument(
        "--official-vae", type=Path, metavar="PATH", help="a checkout of the official VAE's code"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    parser.add_argument("--page", type=Path, help="Markdown file to add the results to")


def run(options: argparse.Namespace) -> int:
    if options.model and options.config:
        raise ValueError("got --config and --model; expected one of them")
    if options.frames < 1:
        raise ValueError(f"got {options.frames} frames; expected at least 1; p99 needs about 300")
    options.checkpoint = optional_local(options.model)
    from .work.benchmark import benchmark, benchmark_busy

    return benchmark_busy(options) if options.busy else benchmark(options)
