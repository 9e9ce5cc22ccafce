"""One clip learned by every stage: does this set-up learn?"""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import video

HELP = "overfit every stage of training to one clip, to see that this set-up learns"
EXAMPLES = """\
example:
  python -m sr_core smoke clip.mp4 -o runs/smoke

Cuts the clip's busiest seconds, trains a small VAE, the diffusion stage and the consistency stage
on them by the commands that a real training takes, each shown as it would be typed, and compares
what each stage generates with the clip's own sound. Ends with 0 where all learned, with 1 where one
did not. The same command with the same -o goes on where it was stopped.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", type=video, help="a video with sound")
    parser.add_argument("-o", "--output", type=Path, help="folder to write to (default: a new one)")
    parser.add_argument("--device", help="cuda, mps, cpu (default: cuda if there is one, else cpu)")
    parser.add_argument("--threads", type=int, help="of the CPU (default: 1)")


def run(options: argparse.Namespace) -> int:
    from .work.smoke import overfit

    return overfit(options)
