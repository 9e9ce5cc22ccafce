"""The verb `smoke`: overfits every training stage to one clip, as a test of the set-up."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import video

HELP = "overfit every training stage to one clip, as a test of this set-up"
EXAMPLES = """\
example:
  python -m sr_core smoke clip.mp4 -o runs/smoke

Cuts the seconds with the most onsets from the clip, trains a small VAE, the diffusion stage and the
consistency stage on them with the same commands as a real training (each is printed), and compares
the output of each stage with the clip's own sound. Exit status: 0 if all stages learned, 1 if one
did not. After a stop, the same command with the same -o continues.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", type=video, help="a video with sound")
    parser.add_argument("-o", "--output", type=Path, help="output folder (default: a new one)")
    parser.add_argument("--device", help="cuda, mps, cpu (default: cuda if there is one, else cpu)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: 1)")


def run(options: argparse.Namespace) -> int:
    from .work.smoke import overfit

    return overfit(options)
