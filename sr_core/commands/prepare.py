"""Videos -> what training reads."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..parallel.map_jobs import add_arguments as add_placement
from .arguments import checkpoint, video

HELP = "cut videos with sound into clips and cache what training reads of them"
EXAMPLES = """\
examples:
  python -m sr_core prepare footage/ -o data --dinov2 dinov2.safetensors --vae vae.safetensors
  python -m sr_core prepare footage/ -o sound                (waveforms, to train a VAE on)
  python -m sr_core prepare footage/ -o data --patches 7x98x126 --vae runs/vae/vae.safetensors

DINOv2 and the official VAE: `python -m sr_core convert --help` says where they are to be had.
Without DINOv2, --patches takes raw patches as features.
Without a VAE, `train vae` makes one. --vision, --dinov2 and --vae also take
hf://OWNER/REPO[/FILE][@REVISION].
The same command again goes on where it was stopped.

  python -m sr_core prepare /disk/footage -o /disk/data --dinov2 dinov2.safetensors --workers 16
  python -m sr_core prepare /disk/footage -o /disk/data --dinov2 dinov2.safetensors --ray auto

A shard is made on one thread: use --workers for as many as there are cores, or --device cuda: the
encoders run there, and a few workers keep it busy with decoded frames. --ray needs
`pip install "ray[data]"` and this package on every machine, and a disk that all see at one path.
The shards are the same bytes whoever makes them on a CPU. WebDataset and any tar program read them.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "videos", nargs="+", type=video, metavar="VIDEO", help="files, or folders with all in them"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the shards")
    seen = parser.add_mutually_exclusive_group()
    seen.add_argument("--vision", type=checkpoint, help="an encoder, or a checkpoint with one")
    seen.add_argument("--dinov2", type=checkpoint, help="converted DINOv2; its PCA is fitted here")
    seen.add_argument("--patches", metavar="SIDExHEIGHTxWIDTH", help="raw patches, e.g. 7x98x126")
    parser.add_argument("--vae", type=checkpoint, help="a VAE, or a checkpoint with one")
    parser.add_argument("--channels", type=int, default=59, help="of the PCA (59)")
    parser.add_argument("--frame", default="224x392", help="HEIGHTxWIDTH seen by DINOv2 (224x392)")
    parser.add_argument("--split", default="auto", help="train, val, ...; auto draws by source")
    parser.add_argument("--held-out", type=float, default=0.05, help="share of sources for val")
    length = "of a clip (8); what is left of a video after its last whole one is left out"
    parser.add_argument("--seconds", type=float, default=8.0, help=length)
    parser.add_argument("--silence-db", type=float, default=-60.0)
    parser.add_argument("--stillness", type=float, default=0.3)
    parser.add_argument(
        "--mirror",
        action="store_true",
        help="each video also in a mirror, left and right swapped, so that no side is preferred",
    )
    parser.add_argument("--keep-waveform", action="store_true", help="beside the latents")
    parser.add_argument("--per-shard", type=int, default=32, help="videos a shard (32)")
    where = "cpu, or cuda: encodes 64 frames at once; with --workers GPUs are taken in turn (cpu)"
    parser.add_argument("--device", default="cpu", help=where)
    add_placement(parser)


def run(options: argparse.Namespace) -> int:
    from .work.prepare import prepare

    return prepare(options)
